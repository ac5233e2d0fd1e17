//go:build servers

package postgres

import (
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// newTestPool returns a pool for the server of ORGSYNC_TEST_POSTGRES. It checks each connection that was used before.
func newTestPool(t *testing.T) *pool {
	t.Helper()
	c, err := pgconn.ParseConfig(os.Getenv("ORGSYNC_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPool(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	p.maxUnchecked = 0
	return p
}

// process runs statements, and returns the id of the server process that ran them.
func process(t *testing.T, p *pool, statements string) (id uint32, err error) {
	t.Helper()
	err = p.use(t.Context(), func(connection *pgconn.PgConn) error {
		if connection.TxStatus() != outsideTransaction {
			t.Error("the connection has an open transaction")
		}
		id = connection.PID()
		return connection.Exec(t.Context(), statements).Close()
	})
	return id, err
}

// TestPoolReplacesConnections: the pool uses a connection again. But it does not use a connection that the server has
// closed, or whose transaction failed.
func TestPoolReplacesConnections(t *testing.T) {
	t.Parallel()
	p, other := newTestPool(t), newTestPool(t)
	first, err := process(t, p, "select 1")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := process(t, p, "select 1"); err != nil || again != first {
		t.Errorf("the second use had process %d instead of %d: %v", again, first, err)
	}
	if _, err := process(t, other, "select pg_terminate_backend("+strconv.Itoa(int(first))+", 10000)"); err != nil {
		t.Fatal(err)
	}
	second, err := process(t, p, "select 1")
	if err != nil || second == first {
		t.Errorf("after the end of process %d, process %d was used: %v", first, second, err)
	}
	if _, err := process(t, p, "begin; select 1/0"); !isCode(err, "22012") {
		t.Errorf("a division by zero gives %v", err)
	}
	if third, err := process(t, p, "select 1"); err != nil || third == second {
		t.Errorf("after a failed transaction, process %d was used again: %v", third, err)
	}
}
