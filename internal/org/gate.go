package org

import "context"

// gateKey is the key of a context's gate.
type gateKey struct{}

// WithGate returns a context for requests that must be sent only if gate returns nil. It is called
// immediately before the first byte of a request, and may be called earlier as well. A process may have
// been paused since its last look at anything, so a gate compares clocks and does not rely on a timer.
func WithGate(ctx context.Context, gate func() error) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// Gate returns the gate of ctx; nil if it has none.
func Gate(ctx context.Context) func() error {
	gate, _ := ctx.Value(gateKey{}).(func() error)
	return gate
}
