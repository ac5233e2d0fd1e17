// Package postgres keeps objects in a table of a PostgreSQL database.
package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgsync/orgsync/internal/loopback"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
)

// Schema makes the table. Keys are compared byte by byte.
const Schema = `create table if not exists orgsync_objects (key text collate "C" primary key, ` +
	`data bytea not null, modified timestamptz not null)`

// prelude begins each transaction. A commit that is confirmed is on disk, also where the database's default
// is otherwise, and no statement runs forever.
var prelude = []string{"begin", "set local synchronous_commit = on", "set local statement_timeout = '10s'"}

// maxConnections is how many connections a run opens, at most. A read of many records uses several.
const maxConnections = 6

// maxStatement is the largest object, in bytes, that is made with a statement.
const maxStatement = 64 << 10

// table is an [objects.Objects] in a table.
type table struct {
	pool  *pgxpool.Pool
	place string
}

// Open returns the objects at a location of the kind [state.Postgres]. What the URL leaves out comes from
// libpq's environment, service and password files. It sends nothing. The caller must call close at the
// end. The error is a *[state.Problem].
func Open(ctx context.Context, l state.Location) (o objects.Objects, closePool func(), err error) {
	config, err := pgxpool.ParseConfig(l.URL)
	if err != nil {
		var parse *pgconn.ParseConfigError
		text := "the URL of the state cannot be used"
		if errors.As(err, &parse) && parse.Unwrap() != nil {
			text += ": " + parse.Unwrap().Error()
		}
		return nil, nil, &state.Problem{Err: errors.New(text),
			Advice: "write postgres://USER@HOST/DATABASE?sslmode=verify-full"}
	}
	c := config.ConnConfig
	if !isEncrypted(c) {
		return nil, nil, state.ErrUnencrypted()
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	// A pooler that gives each transaction another session keeps no prepared statements: each message has its own.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	// Among several hosts the one that can be written to is wanted. One host says so itself, without a
	// question in each connection.
	otherHost := func(f *pgconn.FallbackConfig) bool { return f.Host != c.Host || f.Port != c.Port }
	if c.ValidateConnect == nil && slices.ContainsFunc(c.Fallbacks, otherHost) {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "orgsync"
	}
	config.MaxConns, config.MinConns = maxConnections, 0
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, &state.Problem{Err: errors.New("the URL of the state cannot be used"),
			Advice: "write postgres://USER@HOST/DATABASE"}
	}
	return &table{pool, l.String()}, pool.Close, nil
}

// isEncrypted reports whether every connection that c allows is encrypted or stays on this machine. Where
// the URL leaves sslmode out, libpq prefers encryption and does without if need be; here that is dropped.
func isEncrypted(c *pgx.ConnConfig) bool {
	local := func(host string) bool { return strings.HasPrefix(host, "/") || loopback.Is(host) }
	var kept []*pgconn.FallbackConfig
	for _, f := range c.Fallbacks {
		if f.TLSConfig != nil || local(f.Host) {
			kept = append(kept, f)
		}
	}
	c.Fallbacks = kept
	return c.TLSConfig != nil || local(c.Host)
}

func (t *table) Place() string { return t.place }

// Unproven returns false: the primary key sees to it. That the table has one is seen in each run, when an
// object that exists is refused.
func (t *table) Unproven() bool { return false }

func (t *table) Create(ctx context.Context, key string, data ...[]byte) error {
	size := objects.Size(data)
	return t.write(ctx, func() error {
		if size > maxStatement {
			return t.copyIn(ctx, key, size, data)
		}
		tag, err := t.change(ctx, `insert into orgsync_objects (key, data, modified) `+
			`values ($1, $2, clock_timestamp()) on conflict do nothing`, []byte(key), notNull(slices.Concat(data...)))
		if err == nil && tag.RowsAffected() == 0 {
			return objects.ErrExists
		}
		return err
	})
}

// copyIn makes an object with COPY, which sends data piece by piece. A statement would hold all of it once more.
func (t *table) copyIn(ctx context.Context, key string, size int, data [][]byte) error {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // closes the connection if the transaction failed
	var begin pgconn.Batch
	for _, sql := range prelude {
		begin.ExecParams(sql, nil, nil, nil, nil)
	}
	begin.ExecParams("select timestamptz_send(clock_timestamp())", nil, nil, nil, []int16{pgx.BinaryFormatCode})
	results, err := conn.Conn().PgConn().ExecBatch(ctx, &begin).ReadAll()
	if err != nil {
		return err
	}
	modified := results[len(prelude)].Rows[0][0]
	// The binary format of COPY: a signature, flags and the size of an extension; a row as the number of its
	// fields, and each field after its size; -1 for the end.
	before := append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)
	before = append(binary.BigEndian.AppendUint32(before, uint32(len(key))), key...)
	before = binary.BigEndian.AppendUint32(before, uint32(size))
	after := append(binary.BigEndian.AppendUint32(nil, uint32(len(modified))), modified...)
	after = append(after, 0xff, 0xff)
	var row []io.Reader
	for _, piece := range slices.Concat([][]byte{before}, data, [][]byte{after}) {
		row = append(row, bytes.NewReader(piece))
	}
	_, err = conn.Conn().PgConn().CopyFrom(ctx, io.MultiReader(row...),
		"copy orgsync_objects (key, data, modified) from stdin (format binary)")
	switch {
	case isCode(err, uniqueViolation):
		return objects.ErrExists
	case err != nil:
		return err
	}
	return conn.Conn().PgConn().Exec(ctx, "commit").Close()
}

func (t *table) Put(ctx context.Context, key string, data []byte) error {
	return t.write(ctx, func() error {
		_, err := t.change(ctx, `insert into orgsync_objects (key, data, modified) `+
			`values ($1, $2, clock_timestamp()) on conflict (key) do update set data = excluded.data, modified = `+
			`clock_timestamp()`,
			[]byte(key), notNull(data))
		return err
	})
}

// notNull returns data, which would be null if it were nil.
func notNull(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// change runs a statement in a transaction of its own, all in one message. The first parameter is a key, the
// others are data, which is sent as it is: as text it would take several times its size in memory.
func (t *table) change(ctx context.Context, statement string, parameters ...[]byte) (pgconn.CommandTag, error) {
	var b pgconn.Batch
	for _, sql := range prelude {
		b.ExecParams(sql, nil, nil, nil, nil)
	}
	types := slices.Repeat([]uint32{pgtype.ByteaOID}, len(parameters))
	types[0] = pgtype.TextOID
	b.ExecParams(statement, parameters, types, []int16{pgx.BinaryFormatCode}, nil)
	b.ExecParams("commit", nil, nil, nil, nil)
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer conn.Release() // closes the connection if the transaction failed
	results, err := conn.Conn().PgConn().ExecBatch(ctx, &b).ReadAll()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return results[len(prelude)].CommandTag, nil
}

// write calls do, and once more after it made the table if there was none.
func (t *table) write(ctx context.Context, do func() error) error {
	err := do()
	if !isCode(err, undefinedTable) {
		return t.explain(err)
	}
	if _, err := t.pool.Exec(ctx, Schema); err != nil && !isCode(err, uniqueViolation) { // made by another run meanwhile
		if isCode(err, insufficientPrivilege) {
			return &state.Problem{
				Err: errors.New("the database has no table for the state, and this user may not make one"),
				Advice: "let somebody who may run: " + Schema + "; grant select, insert, update, delete on orgsync_objects to " +
					"this user",
			}
		}
		return t.explain(err)
	}
	return t.explain(do())
}

func (t *table) Get(ctx context.Context, key string) ([]byte, error) {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return nil, t.explain(err)
	}
	defer conn.Release()
	formats := []int16{pgx.BinaryFormatCode} // as in change
	result := conn.Conn().PgConn().ExecParams(ctx, `select data from orgsync_objects where key = $1`,
		[][]byte{[]byte(key)}, []uint32{pgtype.TextOID}, formats, formats).Read()
	switch {
	case isCode(result.Err, undefinedTable) || result.Err == nil && len(result.Rows) == 0:
		return nil, objects.ErrNotFound
	case result.Err != nil:
		return nil, t.explain(result.Err)
	}
	return result.Rows[0][0], nil
}

func (t *table) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	query := `select key, length(data), modified from orgsync_objects where key >= $1 and starts_with(key, $1) and key ` +
		`> $2 order by key`
	if limit > 0 {
		query += fmt.Sprintf(" limit %d", limit)
	}
	rows, err := t.pool.Query(ctx, query, prefix, after)
	if err != nil {
		return nil, t.explainRead(err)
	}
	infos, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i objects.Info, err error) {
		err = row.Scan(&i.Key, &i.Size, &i.Modified)
		return i, err
	})
	if err != nil {
		return nil, t.explainRead(err)
	}
	return infos, nil
}

// explainRead is explain for a list: without a table there is nothing.
func (t *table) explainRead(err error) error {
	if isCode(err, undefinedTable) {
		return nil
	}
	return t.explain(err)
}

func (t *table) Delete(ctx context.Context, key string) error {
	_, err := t.change(ctx, `delete from orgsync_objects where key = $1`, []byte(key))
	return t.explain(err)
}

// Codes of PostgreSQL, appendix A of its manual.
const (
	undefinedTable        = "42P01"
	uniqueViolation       = "23505"
	insufficientPrivilege = "42501"
	readOnly              = "25006"
	noDatabase            = "3D000"
	badPassword           = "28P01"
	badAuthorization      = "28000"
)

func isCode(err error, code string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == code
}

// explain returns err as [objects.Objects] promises it.
func (t *table) explain(err error) error {
	if err == nil || errors.Is(err, objects.ErrExists) {
		return err
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) && strings.Contains(err.Error(), "password") && !strings.Contains(err.Error(), "dial") {
			return &state.Problem{Err: errors.New("PostgreSQL asks for a password, and there is none"), Advice: passwordAdvice}
		}
		return fmt.Errorf("%w: %w", objects.ErrUnknown, withoutURL(err))
	}
	problem := func(text, advice string) error {
		return &state.Problem{Err: fmt.Errorf("%s (%s: %s)", text, answer.Code, answer.Message), Advice: advice}
	}
	switch answer.Code {
	case badPassword, badAuthorization:
		return problem("PostgreSQL does not accept the user or the password", passwordAdvice)
	case noDatabase:
		return problem("there is no such database", "make the database, or correct its name in the URL of the state")
	case insufficientPrivilege:
		return problem("the user may not use the table of the state",
			"let its owner run: grant select, insert, update, delete on orgsync_objects to this user")
	case readOnly:
		return problem("the database is read-only, as a standby is", "name the primary in the URL of the state")
	}
	// Classes 08, 40, 53, 55, 57, 58: connections, serialization, resources, locks, an administrator's
	// intervention, the system. What became of the statement is not known.
	switch answer.Code[:min(2, len(answer.Code))] {
	case "08", "40", "53", "55", "57", "58", "XX":
		return fmt.Errorf("%w: %s: %s", objects.ErrUnknown, answer.Code, answer.Message)
	}
	return fmt.Errorf("PostgreSQL answers %s: %s", answer.Code, answer.Message)
}

const passwordAdvice = "set PGPASSWORD, or write a password file (~/.pgpass), or put the password into the URL in " +
	"ORGSYNC_STATE"

// withoutURL returns err without the connection string, which pgx repeats with the password masked.
func withoutURL(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) && connect.Unwrap() != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", connect.Unwrap())
	}
	return err
}
