package vultr

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/orgsync/orgsync/internal/org"
)

// tunnel is a proxy that connects every CONNECT request to one server.
func tunnel(t *testing.T, server string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			t.Errorf("the proxy got %s", r.Method)
			return
		}
		there, err := net.Dial("tcp", server)
		if err != nil {
			t.Error(err)
			return
		}
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(there, buffered) // it may have bytes that the server has read already
			there.Close()
		}()
		_, _ = io.Copy(here, there)
		here.Close()
	}
}

// TestGateBehindProxy checks that the gate is also asked before the first byte if the connection leads through a
// proxy. With an https proxy, the connection to the API is a TLS connection inside another one.
func TestGateBehindProxy(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		var arrived, asked atomic.Int32
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			arrived.Add(1)
			answerJSON(w, 201, sentToAda)
		}))
		t.Cleanup(server.Close)
		proxy := httptest.NewUnstartedServer(tunnel(t, server.Listener.Addr().String()))
		if secure {
			proxy.StartTLS()
		} else {
			proxy.Start()
		}
		t.Cleanup(proxy.Close)
		at, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		transport := newTransport(1)
		transport.Proxy = http.ProxyURL(at)
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
		t.Cleanup(transport.CloseIdleConnections)
		cfg := testConfig("https://example.com")
		cfg.Transport = transport
		c := mustNew(t, cfg)
		closed := errors.New("the lease is over")
		gated := func(closesAt int32) context.Context {
			asked.Store(0)
			return org.WithGate(t.Context(), func() error {
				if asked.Add(1) >= closesAt {
					return closed
				}
				return nil
			})
		}
		if _, err := c.Invite(gated(2), ada, true); !errors.Is(err, closed) || arrived.Load() != 0 {
			t.Errorf("https %v, a gate that closes: %v, %d requests arrived", secure, err, arrived.Load())
		}
		if _, err := c.Invite(gated(9), ada, true); err != nil || arrived.Load() != 1 || asked.Load() != 2 {
			t.Errorf("https %v, an open gate: %v, %d requests arrived, the gate was asked %d times", secure, err,
				arrived.Load(), asked.Load())
		}
	}
}
