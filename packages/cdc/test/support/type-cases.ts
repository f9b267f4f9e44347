/** One value of one type: what SQL says, and what Debezium's JSON says, as its tests and documents state it. */
export interface TypeCase {
  /** Name of the column. */
  name: string
  /** Type of the column, as in CREATE TABLE. */
  type: string
  /** SQL of the value. */
  sql: string
  /** JSON text; `undefined` where the column is left out. */
  json: string | undefined
}

/** Types of our own that the cases use. */
export const TYPE_DDL = `
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy "quoted"');
CREATE DOMAIN short_time AS timestamp(3);
CREATE DOMAIN amount AS numeric(10, 2);
CREATE DOMAIN small_amount AS amount CHECK (VALUE < 100);
CREATE DOMAIN words AS text[];
CREATE TYPE pair AS (a int, b text);`

const cases: [name: string, type: string, sql: string, json: string | undefined][] = [
  ['b', 'bool', 'true', 'true'],
  ['b_false', 'boolean', 'false', 'false'],
  ['si', 'smallint', '-32768', '-32768'],
  ['i', 'int', '123456', '123456'],
  ['bi', 'bigint', '9007199254740993', '9007199254740993'],
  ['bi_min', 'bigint', '-9223372036854775808', '-9223372036854775808'],
  ['o', 'oid', '4000000000', '4000000000'],
  ['r', 'real', '3.3', '3.3'],
  ['d', 'float8', '4.44', '4.44'],
  ['d_int', 'float8', '4', '4'],
  ['d_large', 'float8', '1e300', '1e+300'],
  ['d_small', 'float8', '1.5e-7', '1.5e-07'],
  ['d_third', 'float8', '1.0/3', '0.3333333333333333'],
  ['r_nan', 'real', `'NaN'`, '"NaN"'],
  ['d_inf', 'float8', `'Infinity'`, '"Infinity"'],
  ['d_ninf', 'float8', `'-Infinity'`, '"-Infinity"'],
  ['n_ps', 'numeric(5,2)', '1.1', '"1.10"'],
  ['n', 'numeric', '10.1111', '"10.1111"'],
  ['n_zeros', 'numeric', '10.1100', '"10.1100"'],
  ['n_big', 'numeric', '12345678901234567890123456789.123456789', '"12345678901234567890123456789.123456789"'],
  ['n_nan', 'numeric', `'NaN'`, '"NAN"'],
  ['n_inf', 'numeric', `'Infinity'`, '"POSITIVE_INFINITY"'],
  ['n_ninf', 'numeric', `'-Infinity'`, '"NEGATIVE_INFINITY"'],
  ['m', 'money', '1234.11', '"1234.11"'],
  ['m_neg', 'money', '-1234.11', '"-1234.11"'],
  ['t', 'text', `'žš "quoted" \\ / ' || chr(10) || chr(1) || chr(128512)`, '"žš \\"quoted\\" \\\\ / \\n\\u0001😀"'],
  ['t_empty', 'text', `''`, '""'],
  ['vc', 'varchar(10)', `'abc'`, '"abc"'],
  ['c', 'char(4)', `'ab'`, '"ab  "'],
  ['ci', 'citext', `'Hello World'`, '"Hello World"'],
  ['lt', 'ltree', `'Top.Science'`, '"Top.Science"'],
  ['u', 'uuid', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  ['e', 'mood', `'happy "quoted"'`, '"happy \\"quoted\\""'],
  ['j', 'json', `'{"bar": "baz"}'`, '"{\\"bar\\": \\"baz\\"}"'],
  ['j_null', 'json', `'null'`, '"null"'],
  ['jb', 'jsonb', `'{"bar":"baz"}'`, '"{\\"bar\\": \\"baz\\"}"'],
  ['ba', 'bytea', `'\\x010203'`, '"AQID"'],
  ['ba_empty', 'bytea', `''`, '""'],
  ['dt', 'date', `'2016-11-04'`, '17109'],
  ['dt_old', 'date', `'0044-03-15 BC'`, '-735160'],
  ['dt_far', 'date', `'5874897-12-31'`, '2145042905'],
  ['dt_inf', 'date', `'infinity'`, '-2147472692'],
  ['dt_ninf', 'date', `'-infinity'`, '-2147472691'],
  ['ts', 'timestamp', `'2016-11-04T13:51:30.123456'`, '1478267490123456'],
  ['ts6', 'timestamp(6)', `'2016-11-04T13:51:30.12'`, '1478267490120000'],
  ['ts3', 'timestamp(3)', `'2016-11-04T13:51:30.123'`, '1478267490123'],
  ['ts0', 'timestamp(0)', `'2016-11-04T13:51:30'`, '1478267490000'],
  ['ts_neg', 'timestamp', `'1936-10-25T22:10:12.608'`, '-1047174587392000'],
  ['ts_neg_us', 'timestamp(3)', `'1969-12-31T23:59:59.999'`, '-1'],
  ['ts_min', 'timestamp', `'4713-01-01 BC'`, '-210863520000000000'],
  ['ts_large', 'timestamp', `'21016-11-04T13:51:30.123456'`, '601060312290123456'],
  ['ts_inf', 'timestamp', `'infinity'`, '9223372036825200000'],
  ['ts_ninf', 'timestamp', `'-infinity'`, '-9223372036832400000'],
  ['ts3_inf', 'timestamp(3)', `'infinity'`, '9223372036825200'],
  ['tz', 'timestamptz', `'2016-11-04T13:51:30.123456+02:00'`, '"2016-11-04T11:51:30.123456Z"'],
  ['tz_whole', 'timestamptz', `'2016-11-04T13:51:30+02:00'`, '"2016-11-04T11:51:30.000000Z"'],
  ['tz3', 'timestamptz(3)', `'2016-11-04T13:51:30.12+02:00'`, '"2016-11-04T11:51:30.120Z"'],
  ['tz0', 'timestamptz(0)', `'2016-11-04T13:51:30+02:00'`, '"2016-11-04T11:51:30Z"'],
  ['tz_large', 'timestamptz', `'21016-11-04T06:51:30+00'`, '"+21016-11-04T06:51:30.000000Z"'],
  ['tz_bc', 'timestamptz', `'4714-12-31T23:59:59.999999+00 BC'`, '"-4713-12-31T23:59:59.999999Z"'],
  ['tz_inf', 'timestamptz', `'infinity'`, '"infinity"'],
  ['tz_ninf', 'timestamptz', `'-infinity'`, '"-infinity"'],
  ['ti', 'time', `'13:51:30'`, '49890000000'],
  ['ti_us', 'time', `'13:51:30.123456'`, '49890123456'],
  ['ti_end', 'time', `'24:00:00'`, '86400000000'],
  ['ti3', 'time(3)', `'13:51:30.123'`, '49890123'],
  ['ttz', 'timetz', `'13:51:30.123789+02:00'`, '"11:51:30.123789Z"'],
  ['ttz_whole', 'timetz', `'01:30:00+02:00'`, '"23:30:00Z"'],
  ['ttz3', 'timetz(3)', `'13:51:30.120+02:00'`, '"11:51:30.12Z"'],
  ['iv', 'interval', `'1 year 2 months 3 days 4 hours 5 minutes 6.78 seconds'`, '"P1Y2M3DT4H5M6.78S"'],
  ['iv_day', 'interval', `'1 day'`, '"P0Y0M1DT0H0M0S"'],
  ['iv_neg', 'interval', `'-1 year -2 days -3.5 seconds'`, '"P-1Y0M-2DT0H0M-3.5S"'],
  ['hs', 'hstore', `'"key"=>"va\\"l", "none"=>NULL'`, '"{\\"key\\":\\"va\\\\\\"l\\",\\"none\\":null}"'],
  ['ip', 'inet', `'192.168.2.0/12'`, '"192.168.2.0/12"'],
  ['ip_host', 'inet', `'192.168.2.1'`, '"192.168.2.1"'],
  ['cd', 'cidr', `'192.168.100.128/25'`, '"192.168.100.128/25"'],
  ['mac', 'macaddr', `'08:00:2b:01:02:03'`, '"08:00:2b:01:02:03"'],
  ['mac8', 'macaddr8', `'08:00:2b:01:02:03:04:05'`, '"08:00:2b:01:02:03:04:05"'],
  ['x', 'xml', `'<foo/>'`, '"<foo/>"'],
  ['i4r', 'int4range', `'[1000,6000)'`, '"[1000,6000)"'],
  ['nr', 'numrange', `'[5.3,6.3)'`, '"[5.3,6.3)"'],
  ['i8r', 'int8range', `'[1000000,6000000)'`, '"[1000000,6000000)"'],
  ['tsr', 'tsrange', `'[2019-03-31 15:30:00, infinity)'`, '"[\\"2019-03-31 15:30:00\\",infinity)"'],
  ['tzr', 'tstzrange', `'[2017-06-05 11:29:12.549426+00,)'`, '"[\\"2017-06-05 11:29:12.549426+00\\",)"'],
  ['dr', 'daterange', `'[2019-03-31, infinity)'`, '"[2019-03-31,infinity)"'],
  ['tsv', 'tsvector', `'cat fat'`, `"'cat' 'fat'"`],
  ['p', 'point', `'(1,1)'`, '{"x":1,"y":1,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAPA/","srid":null}'],
  ['bit1', 'bit(1)', `B'1'`, 'true'],
  ['bit2', 'bit(2)', `B'11'`, '"Aw=="'],
  ['bit9', 'bit(9)', `B'100000001'`, '"AQE="'],
  ['vb', 'varbit(5)', `B'101'`, '"BQ=="'],
  ['dom_ts', 'short_time', `'2016-11-04T13:51:30.123'`, '1478267490123'],
  ['dom_n', 'amount', '1.1', '"1.10"'],
  ['dom_dom', 'small_amount', '1.1', '"1.10"'],
  ['dom_arr', 'words', `'{a,b}'`, '["a","b"]'],
  ['ia', 'int[]', `'{1,NULL,3}'`, '[1,null,3]'],
  ['ia_empty', 'int[]', `'{}'`, '[]'],
  ['sia', 'smallint[]', `'{1,2}'`, '[1,2]'],
  ['bia', 'bigint[]', `'{1550166368505037572}'`, '[1550166368505037572]'],
  ['boa', 'bool[]', `'{t,f}'`, '[true,false]'],
  ['fa', 'float8[]', `'{1.5,NaN}'`, '[1.5,"NaN"]'],
  ['ta', 'text[]', `'{"a",NULL,"NULL","","b,\\"c\\\\{}"}'`, '["a",null,"NULL","","b,\\"c\\\\{}"]'],
  ['vca', 'varchar(10)[]', `'{x,y}'`, '["x","y"]'],
  ['ca', 'char(3)[]', `'{x,yy}'`, '["x  ","yy "]'],
  ['ua', 'uuid[]', `'{f0c10a9c-0000-4000-8000-000000000001}'`, '["f0c10a9c-0000-4000-8000-000000000001"]'],
  ['da', 'date[]', `'{2019-03-31}'`, '[17986]'],
  ['na', 'numeric(10,2)[]', `'{1.2,3.4}'`, '["1.20","3.40"]'],
  ['na_free', 'numeric[]', `'{1.2,3.41}'`, '["1.2","3.41"]'],
  ['tsa', 'timestamp[]', `'{2020-04-01 00:01:02}'`, '[1585699262000000]'],
  ['tsa3', 'timestamp(3)[]', `'{2020-04-01 00:01:02.5}'`, '[1585699262500]'],
  ['tza', 'timestamptz[]', `'{2020-04-01 13:51:02+02}'`, '["2020-04-01T11:51:02.000000Z"]'],
  ['ja', 'jsonb[]', `ARRAY['{"bar":"baz"}'::jsonb]`, '["{\\"bar\\": \\"baz\\"}"]'],
  ['baa', 'bytea[]', `ARRAY['\\x000102'::bytea, '\\x030405'::bytea]`, '["AAEC","AwQF"]'],
  ['ea', 'mood[]', `'{sad,ok}'`, '["sad","ok"]'],
  ['cia', 'citext[]', `'{A,b}'`, '["A","b"]'],
  ['ipa', 'inet[]', `'{10.0.0.1}'`, '["10.0.0.1"]'],
  ['ia2', 'int[][]', `'{{1,2},{3,4}}'`, '[[1,2],[3,4]]'],
  ['ra', 'real[]', `'{1.5,3.3}'`, '[1.5,3.3]'],
  ['oa', 'oid[]', `'{4000000000}'`, '[4000000000]'],
  ['jna', 'json[]', `ARRAY['{"a":1}'::json]`, '["{\\"a\\":1}"]'],
  ['tia', 'time[]', `'{13:51:30}'`, '[49890000000]'],
  ['ttza', 'timetz[]', `'{13:51:30+02}'`, '["11:51:30Z"]'],
  ['cda', 'cidr[]', `'{10.0.0.0/8}'`, '["10.0.0.0/8"]'],
  ['maca', 'macaddr[]', `'{08:00:2b:01:02:03}'`, '["08:00:2b:01:02:03"]'],
  ['i4ra', 'int4range[]', `'{"[1,5)"}'`, '["[1,5)"]'],
  ['lta', 'ltree[]', `'{A.B}'`, '["A.B"]'],
  ['doma', 'amount[]', `'{1.5}'`, '["1.50"]'],
  ['nm', 'name', `'abc'`, '"abc"'],
  ['qc', '"char"', `'x'`, '"x"'],
  ['i4m', 'int4multirange', `'{[1,5)}'`, undefined],
  ['jp', 'jsonpath', `'$.a'`, undefined],
  ['lsn', 'pg_lsn', `'0/10'`, undefined],
  ['hsa', 'hstore[]', `ARRAY['a=>b'::hstore]`, '["{\\"a\\":\\"b\\"}"]'],
  ['tsva', 'tsvector[]', `ARRAY['cat'::tsvector]`, `["'cat'"]`],
  ['bita', 'bit(1)[]', `ARRAY[B'1']`, undefined],
  ['vba', 'varbit[]', `ARRAY[B'1']`, undefined],
  ['pa', 'point[]', `ARRAY['(1,1)'::point]`, undefined],
  ['nma', 'name[]', `'{abc}'`, undefined],
  ['ma', 'money[]', `'{1.2}'`, undefined],
  ['iva', 'interval[]', `'{1 day}'`, undefined],
  ['xa', 'xml[]', `'{<a/>}'`, undefined],
  ['tq', 'tsquery', `'fat & rat'`, undefined],
  ['pr', 'pair', `'(1,x)'`, undefined],
  ['bx', 'box', `'((0,0),(1,1))'`, undefined],
  ['ci2', 'circle', `'((0,0),1)'`, undefined],
]

export const TYPE_CASES: readonly TypeCase[] = cases.map(([name, type, sql, json]) => ({ name, type, sql, json }))

/** A table with a column for each case, and the row of all cases. */
export function typeTable(name: string): { create: string; insert: string } {
  const columns = TYPE_CASES.map((one) => `"${one.name}" ${one.type}`).join(',\n  ')
  const names = TYPE_CASES.map((one) => `"${one.name}"`).join(', ')
  const values = TYPE_CASES.map((one) => one.sql).join(', ')
  return {
    create: `CREATE TABLE "${name}" (pk int PRIMARY KEY,\n  ${columns})`,
    insert: `INSERT INTO "${name}" (pk, ${names}) VALUES (1, ${values})`,
  }
}
