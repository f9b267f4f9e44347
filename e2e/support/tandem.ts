import { expect, type Locator, type Page } from '@playwright/test'

/** What a person at the demo's page sees and does. */
export class Tandem {
  readonly page: Page
  readonly left: Side
  readonly right: Side

  constructor(page: Page) {
    this.page = page
    this.left = new Side(page, 'left')
    this.right = new Side(page, 'right')
  }

  async open(url: string): Promise<void> {
    await this.page.goto(url)
    await this.left.isLive()
    await this.right.isLive()
  }

  /** Runs SQL through the page's own panel. */
  async runSql(sql: string): Promise<void> {
    const panel = this.page.getByRole('region', { name: 'Raw SQL' })
    await panel.getByRole('textbox', { name: 'SQL statement' }).fill(sql)
    await panel.getByRole('button', { name: 'Run' }).click()
    await expect(panel.locator('.outcome')).toContainText(/row|failed/)
  }
}

/** One half of the page. */
export class Side {
  readonly pane: Locator
  readonly inspector: Locator

  constructor(page: Page, name: 'left' | 'right') {
    this.pane = page.locator(`.pane[data-desk=${name}]`)
    this.inspector = page.locator(`.inspector[data-desk=${name}]`)
  }

  /** A card that is there to stay: those fading out do not count. */
  card(title: string | RegExp): Locator {
    return this.cards.filter({ has: this.pane.page().getByRole('button', { name: title, includeHidden: true }) })
  }

  get cards(): Locator {
    return this.pane.locator('.card[data-leaving=false]')
  }

  column(name: 'To do' | 'Doing' | 'Done'): Locator {
    return this.pane.getByRole('group', { name, exact: true })
  }

  get sheet(): Locator {
    return this.pane.getByRole('dialog')
  }

  async titles(): Promise<string[]> {
    return this.cards.locator('.title').allTextContents()
  }

  async isLive(): Promise<void> {
    await expect(this.pane.locator('.live-pill')).toHaveText('Live', { timeout: 20_000 })
    await expect(this.cards.first()).toBeVisible()
  }

  async closeSheet(): Promise<void> {
    await this.sheet.getByRole('button', { name: 'Close' }).click()
    await expect(this.sheet).toHaveCount(0)
  }

  async openTask(title: string): Promise<void> {
    await this.card(title).getByRole('button', { name: title }).click()
    await expect(this.sheet).toBeVisible()
  }

  async openMembers(): Promise<void> {
    await this.pane.getByRole('button', { name: /people in this space/ }).click()
    await expect(this.sheet).toBeVisible()
  }

  async addTask(title: string, options: { isPrivate?: boolean } = {}): Promise<void> {
    const isPrivate = this.pane.getByRole('checkbox', { name: 'Private' })
    if ((await isPrivate.isChecked()) !== (options.isPrivate ?? false)) await isPrivate.press('Space')
    await this.pane.getByRole('textbox', { name: 'Title of a new task' }).fill(title)
    await this.pane.getByRole('button', { name: 'Add the task' }).click()
  }

  async signOut(): Promise<void> {
    await this.pane.getByRole('button', { name: 'Sign out' }).click()
    await expect(this.pane.getByRole('heading', { name: 'Who sits here?' })).toBeVisible()
  }

  async signIn(name: string): Promise<void> {
    await this.pane.getByRole('button', { name }).click()
    await this.isLive()
  }

  async setCut(isCut: boolean): Promise<void> {
    await this.inspector.getByRole('switch').setChecked(!isCut)
  }
}
