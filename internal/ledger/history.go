package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/orgsync/orgsync/internal/state"
)

// History returns what the ledger has about one person, oldest first, without a lease: the lines about
// any of keys, the canonical keys of the person's addresses. Errors are those of [Read]; lines that
// cannot be read are left out.
func History(ctx context.Context, store state.Store, organization string, keys ...string) ([]Entry, error) {
	var entries []Entry
	err := Entries(ctx, store, organization, func(e Entry) {
		if e.Email != "" && slices.Contains(keys, e.Email) {
			entries = append(entries, e)
		}
	})
	return entries, err
}

// Entries passes every line of the ledger to take, oldest first, also those that it left out for size
// where the store keeps them. A ledger in a folder does not, so it may begin late. The error is that of
// [Read], except that a ledger that has moved can be read.
func Entries(ctx context.Context, store state.Store, organization string, take func(Entry)) error {
	archived, err := store.Archived(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	raw, err := store.Read(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	for _, part := range [][]byte{archived, withoutRetirement(raw)} {
		if _, err := parseContent(part, organization, take); err != nil {
			return err
		}
	}
	return nil
}
