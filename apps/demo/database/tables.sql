-- The tables of schema.zmodel. Every statement may run again on a database that has them.
-- Defaults that ZenStack fills in by itself stand here too, so that plain SQL can insert a row in one line.

DO $$ BEGIN
  CREATE TYPE role AS ENUM ('MANAGER', 'MEMBER', 'GUEST');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
  CREATE TYPE task_status AS ENUM ('TODO', 'DOING', 'DONE');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

CREATE TABLE IF NOT EXISTS person (
  id    text PRIMARY KEY,
  name  text NOT NULL,
  title text NOT NULL,
  hue   integer NOT NULL,
  role  role NOT NULL DEFAULT 'MEMBER'
);

CREATE TABLE IF NOT EXISTS space (
  id       text PRIMARY KEY,
  name     text NOT NULL,
  purpose  text NOT NULL,
  position integer NOT NULL
);

CREATE TABLE IF NOT EXISTS membership (
  id       text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  space_id text NOT NULL REFERENCES space (id) ON DELETE CASCADE,
  user_id  text NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  joined   timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
  UNIQUE (space_id, user_id)
);

CREATE TABLE IF NOT EXISTS task (
  id          text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  space_id    text NOT NULL REFERENCES space (id) ON DELETE CASCADE,
  title       text NOT NULL,
  notes       text NOT NULL DEFAULT '',
  status      task_status NOT NULL DEFAULT 'TODO',
  position    double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp()),
  is_private  boolean NOT NULL DEFAULT false,
  budget      integer,
  author_id   text NOT NULL REFERENCES person (id),
  assignee_id text REFERENCES person (id) ON DELETE SET NULL,
  created_at  timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
  updated_at  timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE INDEX IF NOT EXISTS task_space ON task (space_id, position);

CREATE TABLE IF NOT EXISTS comment (
  id         text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  task_id    text NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  author_id  text NOT NULL REFERENCES person (id),
  body       text NOT NULL,
  created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE INDEX IF NOT EXISTS comment_task ON comment (task_id, created_at);
