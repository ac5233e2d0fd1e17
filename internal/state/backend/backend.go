// Package backend opens the store at a location.
package backend

import (
	"context"
	"fmt"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/dir"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/postgres"
	"github.com/orgsync/orgsync/internal/state/s3"
)

// Backend is a place for the ledgers of several organizations.
type Backend struct {
	location state.Location
	objects  objects.Objects // nil: the location is a folder
	close    func()
}

// Open returns the backend at a location. It sends nothing. getenv returns variables of the environment,
// which may have credentials. If there is no error, the caller must call [Backend.Close] at the end. An
// error is a *[state.Problem].
func Open(ctx context.Context, l state.Location, getenv func(string) string) (*Backend, error) {
	b := &Backend{location: l, close: func() {}}
	var err error
	switch l.Kind {
	case state.S3:
		b.objects, err = s3.Open(l, getenv)
	case state.Postgres:
		b.objects, b.close, err = postgres.Open(ctx, l)
	case state.Folder:
	}
	return b, err
}

// Close ends the connections.
func (b *Backend) Close() { b.close() }

// Store returns the store of an organization. The API may write an id in another case than before. So if b has no
// ledger of exactly this id, but one of an id that differs only in case, Store returns the store of that id. It
// returns an error if the id cannot be the name of a folder or a part of a key.
func (b *Backend) Store(ctx context.Context, organization string) (state.Store, error) {
	if b.objects == nil {
		return dir.Find(b.location.Path, organization)
	}
	if !objects.IsKeyPart(organization) {
		return nil, fmt.Errorf("keep a ledger for the organization %.40q: its id cannot be part of a key", organization)
	}
	return objects.Find(ctx, b.objects, organization, objects.DefaultTimes)
}

// Organizations returns the ids of the organizations that have a ledger in b.
func (b *Backend) Organizations(ctx context.Context) ([]string, error) {
	if b.objects == nil {
		return dir.Organizations(b.location.Path)
	}
	return objects.Organizations(ctx, b.objects)
}
