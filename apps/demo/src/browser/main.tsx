import '@fontsource-variable/instrument-sans/index.css'
import '@fontsource-variable/jetbrains-mono/index.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/layout.css'
import './styles/workspace.css'
import './styles/talk.css'
import './styles/shop.css'
import './styles/sheet.css'
import './styles/dock.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'

const root = document.querySelector('#root')
if (root === null) throw new Error('index.html has no #root.')
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
