import { useEffect, useState, type JSX } from 'react'
import { Icon, type IconName } from './ui/icon.tsx'

const THEMES = ['system', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]
const ICONS: Record<Theme, IconName> = { system: 'system', light: 'sun', dark: 'moon' }
const KEY = 'tandem.theme'

export function ThemeSwitch(): JSX.Element {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((name) => name === localStorage.getItem(KEY)) ?? 'system')
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
    localStorage.setItem(KEY, theme)
  }, [theme])
  return (
    <fieldset className="segments compact">
      <legend className="hidden">Theme</legend>
      {THEMES.map((name) => (
        <label key={name} title={`Theme: ${name}`}>
          <input type="radio" name="theme" checked={theme === name} onChange={() => setTheme(name)} />
          <Icon name={ICONS[name]} />
          <span className="hidden">{name}</span>
        </label>
      ))}
    </fieldset>
  )
}
