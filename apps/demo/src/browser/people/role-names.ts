import type { Role } from '../../../schema/generated/models.ts'

export const ROLE_NAMES: Readonly<Record<Role, string>> = { MANAGER: 'Manager', MEMBER: 'Member', GUEST: 'Guest' }
