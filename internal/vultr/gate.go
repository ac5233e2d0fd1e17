package vultr

import (
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// gate is the [org.Gate] of one request, and what it said.
type gate struct {
	check   func() error // nil: the request has no gate
	refusal atomic.Pointer[error]
}

// pass returns nil if the request may be sent.
func (g *gate) pass() error {
	if g.check == nil {
		return nil
	}
	err := g.check()
	if err != nil {
		g.refusal.Store(&err)
	}
	return err
}

// refused returns why the request was not sent; nil if it may have been.
func (g *gate) refused() error {
	if err := g.refusal.Load(); err != nil {
		return *err
	}
	return nil
}

// trace returns the hook that sets g on the connection of a request.
func (g *gate) trace(connected func()) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		connected()
		conn := info.Conn
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn()
		}
		if gated, ok := conn.(*gatedConn); ok {
			gated.next.Store(g)
		}
	}}
}

// gatedConn is a connection that asks the gate of a request before the request's first byte. A
// connection has one request at a time, since only HTTP/1 is used.
type gatedConn struct {
	net.Conn
	next atomic.Pointer[gate]
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if g := c.next.Swap(nil); g != nil {
		if err := g.pass(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}
