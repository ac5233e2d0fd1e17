package vultr

import (
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// gate asks the function of [org.Gate] whether one request may be sent, and keeps its refusal.
type gate struct {
	check   func() error          // nil: the request may always be sent
	refusal atomic.Pointer[error] // the first error of check; nil if it never returned one
}

// pass returns nil if the request may be sent now. Otherwise, it returns the reason why not. After a refusal, it
// refuses again: net/http may try the request on another connection, but the request already counts as not sent.
func (g *gate) pass() error {
	if g.check == nil {
		return nil
	}
	err := g.refused()
	if err == nil {
		err = g.check()
	}
	if err != nil {
		g.refusal.Store(&err)
	}
	return err
}

// refused returns the reason why pass stopped the request; nil if pass did not stop it.
func (g *gate) refused() error {
	if err := g.refusal.Load(); err != nil {
		return *err
	}
	return nil
}

// trace returns a hook that runs when a request gets its connection. The hook calls connected, and
// makes the connection ask g before it writes the request.
func (g *gate) trace(connected func()) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		connected()
		conn := info.Conn
		for secure, ok := conn.(*tls.Conn); ok; secure, ok = conn.(*tls.Conn) { // through an https proxy, there are two
			conn = secure.NetConn()
		}
		if gated, ok := conn.(*gatedConn); ok {
			gated.next.Store(g)
		}
	}}
}

// gatedConn is a connection that asks the gate of a request before it writes the first byte of the
// request. With HTTP/1, a connection has only one request at a time.
type gatedConn struct {
	net.Conn
	next atomic.Pointer[gate] // the gate of a request that is not yet written; nil if there is none
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if g := c.next.Swap(nil); g != nil {
		if err := g.pass(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}
