import type { CSSProperties, JSX } from 'react'

export interface Face {
  name: string
  hue: number
}

/** The person's initials on their colour. The name is in the text beside it, or given as `label`. */
export function Avatar({ face, label, size = 24 }: { face: Face; label?: string; size?: number }): JSX.Element {
  const style = { '--hue': face.hue, '--size': `${size}px` } as CSSProperties
  const hidden = label === undefined ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label, title: label }
  return (
    <span className="avatar" style={style} {...hidden}>
      {initials(face.name)}
    </span>
  )
}

function initials(name: string): string {
  const words = name.split(/\s+/)
  return [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => word?.[0] ?? '').join('')
}
