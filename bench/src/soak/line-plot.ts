/** One line over time. */
export interface PlotLine {
  readonly name: string
  readonly values: readonly number[]
}

/** Lines that share a scale, which begins at zero. */
export interface PlotPanel {
  readonly title: string
  readonly lines: readonly PlotLine[]
}

const WIDTH = 860
const PANEL_HEIGHT = 150
const LEFT = 64
const RIGHT = 150
const TOP = 34
const GAP = 34
const COLORS = ['#1f6feb', '#d1242f', '#1a7f37', '#9a6700']

/** Panels below each other over the same minutes, as an SVG document. */
export function linePlot(minutes: readonly number[], panels: readonly PlotPanel[]): string {
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP)
  const lastMinute = Math.max(1e-9, minutes.at(-1) ?? 0)
  const xOf = (minute: number): number => LEFT + (minute / lastMinute) * (WIDTH - LEFT - RIGHT)
  const body = panels.map((panel, index) => panelText(panel, TOP + index * (PANEL_HEIGHT + GAP), minutes, xOf))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

function panelText({ title, lines }: PlotPanel, top: number, minutes: readonly number[], xOf: (minute: number) => number): string {
  const most = roundUp(Math.max(1e-9, ...lines.flatMap(({ values }) => values)))
  const bottom = top + PANEL_HEIGHT - 18
  const yOf = (value: number): number => bottom - (value / most) * (PANEL_HEIGHT - 36)
  const right = WIDTH - RIGHT
  const grid = [0, most / 2, most].flatMap((value) => [
    `<line x1="${LEFT}" x2="${right}" y1="${yOf(value)}" y2="${yOf(value)}" stroke="#d1d9e0"/>`,
    `<text x="${LEFT - 8}" y="${yOf(value) + 4}" text-anchor="end">${numberText(value)}</text>`,
  ])
  const ends = [
    `<text x="${LEFT}" y="${bottom + 16}">0 min</text>`,
    `<text x="${right}" y="${bottom + 16}" text-anchor="end">${numberText(minutes.at(-1) ?? 0)} min</text>`,
  ]
  const drawn = lines.flatMap(({ name, values }, index) => {
    const color = COLORS[index % COLORS.length]
    const points = values.map((value, at) => `${xOf(minutes[at] ?? 0).toFixed(1)},${yOf(value).toFixed(1)}`)
    const label = `${name}: ${numberText(values.at(-1) ?? 0)}`
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="1.6"/>`,
      `<text x="${right + 10}" y="${top + 22 + index * 18}" fill="${color}">${escapeText(label)}</text>`,
    ]
  })
  return [`<text x="${LEFT}" y="${top}" font-weight="600">${escapeText(title)}</text>`, ...grid, ...ends, ...drawn].join('\n')
}

/** To 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power
}

function numberText(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
