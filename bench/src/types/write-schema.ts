/** A ZModel schema of so many models, each related to three others, as a grown application has it. Policies do not travel to the browser. */
export function writeSchema(models: number): string {
  return [HEADER, ...Array.from({ length: models }, (_, index) => model(index, models))].join('\n')
}

const HEADER = `datasource db {
  provider = 'postgresql'
  url      = env('DATABASE_URL')
}

enum Status {
  OPEN
  DOING
  DONE
}
`

/** Each belongs to the one that follows it and to one further on. */
function model(index: number, models: number): string {
  const name = `Model${index}`
  const next = (index + 1) % models
  const other = (index + 7) % models
  const [previous, opposite] = [(index + models - 1) % models, (index + models - 7) % models]
  return `model ${name} {
  id        String    @id @default(cuid())
  createdAt DateTime  @default(now())
  updatedAt DateTime  @updatedAt
  name      String
  slug      String    @unique
  note      String?
  status    Status    @default(OPEN)
  rank      Int       @default(0)
  size      BigInt?
  price     Decimal?
  isPublic  Boolean   @default(false)
  tags      String[]
  extra     Json?
  nextId    String
  next      Model${next}  @relation('next${index}', fields: [nextId], references: [id])
  otherId   String?
  other     Model${other}? @relation('other${index}', fields: [otherId], references: [id])
  previous  Model${previous}[] @relation('next${previous}')
  opposites Model${opposite}[] @relation('other${opposite}')
}
`
}
