// Package postgres keeps objects in a table of a PostgreSQL database.
package postgres

import (
	"bytes"
	"context"
	"crypto/tls"
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

// Schema is the statement that creates the table. With collate "C", keys are compared byte by byte.
const Schema = `create table if not exists orgsync_objects (key text collate "C" primary key, ` +
	`data bytea not null, modified timestamptz not null)`

// beginStatements begin each transaction. They make sure that a confirmed commit is on disk, whatever the
// default of the database is, and that no statement runs forever.
var beginStatements = []string{"begin", "set local synchronous_commit = on", "set local statement_timeout = '10s'"}

// maxConnections is the maximum number of connections of a run. A read of many records uses several.
const maxConnections = 6

// maxStatement is the maximum size in bytes of an object that is created with INSERT. A larger object is
// created with COPY.
const maxStatement = 64 << 10

// table is an [objects.Objects] in the table of [Schema].
type table struct {
	pool  *pgxpool.Pool
	place string
}

// Open returns the objects at a location of the kind [state.Postgres]. It sends nothing. Settings that
// the URL does not have come from the environment variables, the service file and the password file of
// libpq. If there is no error, the caller must call closePool at the end. An error is a *[state.Problem].
func Open(ctx context.Context, l state.Location) (o objects.Objects, closePool func(), err error) {
	config, err := pgxpool.ParseConfig(l.URL)
	if err != nil {
		text := "the URL of the state cannot be used"
		if parse, ok := errors.AsType[*pgconn.ParseConfigError](err); ok && parse.Unwrap() != nil {
			text += ": " + parse.Unwrap().Error()
		}
		return nil, nil, &state.Problem{Err: errors.New(text),
			Advice: "write postgres://USER@HOST/DATABASE?sslmode=verify-full"}
	}
	c := config.ConnConfig
	if !requireEncryption(c) {
		return nil, nil, state.UnencryptedError()
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	// No prepared statements, because a connection pooler may give each transaction another session.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	// If the URL has several hosts, use the one that accepts writes. With one host, this check would only
	// cost a query for each connection: a read-only host refuses the first write anyway.
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

// requireEncryption removes from c the fallbacks without encryption: if the URL has no sslmode, pgx as well
// as libpq would use such a fallback. It reports whether the connection without a fallback is encrypted. A
// connection that stays on this machine counts as encrypted.
func requireEncryption(c *pgx.ConnConfig) bool {
	isSafe := func(host string, encryption *tls.Config) bool {
		return encryption != nil || strings.HasPrefix(host, "/") || loopback.Is(host)
	}
	c.Fallbacks = slices.DeleteFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool {
		return !isSafe(f.Host, f.TLSConfig)
	})
	return isSafe(c.Host, c.TLSConfig)
}

func (t *table) Place() string { return t.place }

// MayIgnoreConditions returns false, because the primary key of the table makes sure that only one request can
// create an object. Each run checks that the table has the primary key, by creating an object that exists.
func (t *table) MayIgnoreConditions() bool { return false }

func (t *table) Create(ctx context.Context, key string, data ...[]byte) error {
	size := objects.Size(data)
	return t.write(ctx, func() error {
		if size > maxStatement {
			return t.copyIn(ctx, key, size, data)
		}
		tag, err := t.execute(ctx, `insert into orgsync_objects (key, data, modified) `+
			`values ($1, $2, clock_timestamp()) on conflict do nothing`, []byte(key), notNull(slices.Concat(data...)))
		if err == nil && tag.RowsAffected() == 0 {
			return objects.ErrExists
		}
		return err
	})
}

// copyIn creates an object with COPY, which sends data piece by piece. An INSERT would need a copy of all
// data in memory.
func (t *table) copyIn(ctx context.Context, key string, size int, data [][]byte) error {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // closes the connection if the transaction failed
	var begin pgconn.Batch
	for _, sql := range beginStatements {
		begin.ExecParams(sql, nil, nil, nil, nil)
	}
	begin.ExecParams("select timestamptz_send(clock_timestamp())", nil, nil, nil, []int16{pgx.BinaryFormatCode})
	results, err := conn.Conn().PgConn().ExecBatch(ctx, &begin).ReadAll()
	if err != nil {
		return err
	}
	modified := results[len(beginStatements)].Rows[0][0]
	// The binary format of COPY has a signature, flags, the size of an extension, the rows, and -1 at the
	// end. A row has the number of its fields, and then the size and the bytes of each field.
	head := append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)
	head = append(binary.BigEndian.AppendUint32(head, uint32(len(key))), key...)
	head = binary.BigEndian.AppendUint32(head, uint32(size))
	tail := append(binary.BigEndian.AppendUint32(nil, uint32(len(modified))), modified...)
	tail = append(tail, 0xff, 0xff)
	var pieces []io.Reader
	for _, piece := range slices.Concat([][]byte{head}, data, [][]byte{tail}) {
		pieces = append(pieces, bytes.NewReader(piece))
	}
	_, err = conn.Conn().PgConn().CopyFrom(ctx, io.MultiReader(pieces...),
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
		_, err := t.execute(ctx, `insert into orgsync_objects (key, data, modified) `+
			`values ($1, $2, clock_timestamp()) on conflict (key) do update set data = excluded.data, modified = `+
			`clock_timestamp()`,
			[]byte(key), notNull(data))
		return err
	})
}

// notNull returns data, or an empty slice if data is nil: pgx would send nil as NULL.
func notNull(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// execute runs a statement in a transaction of its own. It sends the whole transaction in one message, to
// save round trips. The first parameter is a key, and the others are data. Data is sent in binary format:
// the text format would need several times as much memory.
func (t *table) execute(ctx context.Context, statement string, parameters ...[]byte) (pgconn.CommandTag, error) {
	var b pgconn.Batch
	for _, sql := range beginStatements {
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
	return results[len(beginStatements)].CommandTag, nil
}

// write calls do. If there is no table, write creates the table and calls do again.
func (t *table) write(ctx context.Context, do func() error) error {
	err := do()
	if !isCode(err, undefinedTable) {
		return t.explain(err)
	}
	// uniqueViolation means that another run has created the table at the same time.
	if _, err := t.pool.Exec(ctx, Schema); err != nil && !isCode(err, uniqueViolation) {
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
	formats := []int16{pgx.BinaryFormatCode} // for the reason in execute
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
	rows, _ := t.pool.Query(ctx, query, prefix, after) // CollectRows returns the error
	infos, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i objects.Info, err error) {
		err = row.Scan(&i.Key, &i.Size, &i.Modified)
		return i, err
	})
	if isCode(err, undefinedTable) { // without a table, there are no objects
		return nil, nil
	}
	return infos, t.explain(err)
}

func (t *table) Delete(ctx context.Context, key string) error {
	_, err := t.execute(ctx, `delete from orgsync_objects where key = $1`, []byte(key))
	return t.explain(err)
}

// Error codes of PostgreSQL (appendix A of its manual).
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
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && answer.Code == code
}

// explain returns err as one of the errors that [objects.Objects] names, or with advice.
func (t *table) explain(err error) error {
	if err == nil || errors.Is(err, objects.ErrExists) {
		return err
	}
	answer, answered := errors.AsType[*pgconn.PgError](err)
	if !answered {
		_, isConnect := errors.AsType[*pgconn.ConnectError](err)
		if isConnect && strings.Contains(err.Error(), "password") && !strings.Contains(err.Error(), "dial") {
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
	// After these errors, it is unknown whether the statement had an effect. The classes are: connections
	// (08), rollback of a transaction (40), resources (53), locks (55), intervention of an administrator
	// (57), the system (58) and an internal error (XX).
	switch answer.Code[:min(2, len(answer.Code))] {
	case "08", "40", "53", "55", "57", "58", "XX":
		return fmt.Errorf("%w: %s: %s", objects.ErrUnknown, answer.Code, answer.Message)
	}
	return fmt.Errorf("PostgreSQL answers %s: %s", answer.Code, answer.Message)
}

const passwordAdvice = "set PGPASSWORD, or write a password file (~/.pgpass), or put the password into the URL in " +
	"ORGSYNC_STATE"

// withoutURL returns err without the connection string. pgx puts it into errors, with the password
// masked.
func withoutURL(err error) error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok && connect.Unwrap() != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", connect.Unwrap())
	}
	return err
}
