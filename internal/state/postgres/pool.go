package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// maxConnections is the maximum number of connections of a run. A read of many records uses several.
const maxConnections = 6

const (
	defaultMaxUnchecked = time.Second
	checkTimeout        = 5 * time.Second
	closeTimeout        = 15 * time.Second
)

// pool has up to maxConnections connections.
type pool struct {
	connections *puddle.Pool[*pgconn.PgConn]
	// maxUnchecked is how long a connection may be idle before the pool checks that the server still answers. If a
	// server or a firewall closed the connection, a change that uses it would have an unknown outcome.
	maxUnchecked time.Duration
}

// newPool returns a pool without connections. It makes them with c, when they are needed.
func newPool(c *pgconn.Config) (*pool, error) {
	connections, err := puddle.NewPool(&puddle.Config[*pgconn.PgConn]{
		Constructor: func(ctx context.Context) (*pgconn.PgConn, error) { return pgconn.ConnectConfig(ctx, c.Copy()) },
		Destructor:  disconnect,
		MaxSize:     maxConnections,
	})
	return &pool{connections, defaultMaxUnchecked}, err
}

// use calls do with a connection that no other call uses. It returns the error of do, or an error if there is no
// connection.
func (p *pool) use(ctx context.Context, do func(*pgconn.PgConn) error) error {
	taken, err := p.take(ctx)
	if err != nil {
		return err
	}
	connection := taken.Value()
	defer func() {
		if connection.IsClosed() || connection.IsBusy() || connection.TxStatus() != outsideTransaction {
			taken.Destroy() // do failed within a transaction
		} else {
			taken.Release()
		}
	}()
	return do(connection)
}

// outsideTransaction is the status of a connection that has no open transaction.
const outsideTransaction = 'I'

// take returns a connection that works, or the error of the connection that it tried to make last.
func (p *pool) take(ctx context.Context) (*puddle.Resource[*pgconn.PgConn], error) {
	for { // ends with a new connection, when no idle one is left
		taken, err := p.connections.Acquire(ctx)
		if err != nil || taken.IdleDuration() < p.maxUnchecked {
			return taken, err
		}
		checking, cancel := context.WithTimeout(ctx, checkTimeout)
		err = taken.Value().Ping(checking)
		cancel()
		if err == nil {
			return taken, nil
		}
		taken.Destroy()
	}
}

func disconnect(connection *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = connection.Close(ctx)
	select { // a connection that broke is closed in the background
	case <-connection.CleanupDone():
	case <-ctx.Done():
	}
}

// close closes all connections. It waits until no call uses one.
func (p *pool) close() { p.connections.Close() }
