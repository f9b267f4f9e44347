/** Statements worth trying. Each takes its effect on both sides as far as the policies let it. */
export const SQL_PRESETS: readonly { name: string; sql: string }[] = [
  {
    name: 'Insert a task',
    sql: `INSERT INTO task (space_id, title, author_id, budget)\nVALUES ('opening', 'Water the olive tree', 'tomas', 120)`,
  },
  {
    name: 'Change many rows',
    sql: `UPDATE task SET status = 'DONE', updated_at = now()\nWHERE space_id = 'opening' AND status = 'DOING'`,
  },
  {
    name: 'Raise every budget',
    sql: `-- A manager sees the new amounts. A member gets no frame at all.\nUPDATE task SET budget = budget * 1.1 WHERE space_id = 'opening'`,
  },
  {
    name: 'Make a task private',
    sql: `UPDATE task SET is_private = true WHERE id = 'poster'`,
  },
  {
    name: 'Remove a member',
    sql: `DELETE FROM membership\nWHERE space_id = 'opening' AND user_id = 'jonas'`,
  },
  {
    name: 'Promote Jonas',
    sql: `UPDATE person SET role = 'MANAGER' WHERE id = 'jonas'`,
  },
  {
    name: 'Delete what is done',
    sql: `DELETE FROM task WHERE status = 'DONE' AND space_id = 'opening'`,
  },
]
