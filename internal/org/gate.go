package org

import "context"

// gateKey is the key of the gate in a context.
type gateKey struct{}

// WithGate returns a context for requests that may be sent only if gate returns nil. The client calls gate
// immediately before the first byte of a request, and may also call gate earlier. A gate should compare clocks and
// not rely on a timer, because the process may have been paused.
func WithGate(ctx context.Context, gate func() error) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// Gate returns the gate of ctx; nil if ctx has none.
func Gate(ctx context.Context) func() error {
	gate, _ := ctx.Value(gateKey{}).(func() error)
	return gate
}
