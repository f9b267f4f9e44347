import { useEffect, useRef, type JSX, type ReactNode } from 'react'
import { Icon } from './icon.tsx'

interface SheetProps {
  label: string
  onClose: () => void
  children: ReactNode
}

/** A panel that slides over one pane and leaves the other usable. Escape closes it and gives the focus back. */
export function Sheet({ label, onClose, children }: SheetProps): JSX.Element {
  const sheet = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const opener = document.activeElement
    sheet.current?.focus({ preventScroll: true })
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true })
    }
  }, [])
  return (
    <>
      <div className="sheet-shade" onClick={onClose} />
      <div
        ref={sheet}
        className="sheet"
        role="dialog"
        aria-label={label}
        tabIndex={-1}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.stopPropagation()
          onClose()
        }}
      >
        <button type="button" className="icon-button close" onClick={onClose} aria-label="Close">
          <Icon name="close" />
        </button>
        {children}
      </div>
    </>
  )
}
