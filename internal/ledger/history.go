package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orgsync/orgsync/internal/state"
)

// History returns what the ledger has about one person, oldest first, without a lease: the lines about
// any of keys, the canonical keys of the person's addresses. Errors are those of [Read]; lines that
// cannot be read are left out.
func History(ctx context.Context, store state.Store, organization string, keys ...string) ([]Entry, error) {
	var entries []Entry
	_, err := Entries(ctx, store, organization, func(e Entry) {
		if e.Email != "" && slices.Contains(keys, e.Email) {
			entries = append(entries, e)
		}
	})
	return entries, err
}

// Entries passes every line of the ledger to take, oldest first, also those that it left out for size
// where the store keeps them. A ledger in a folder does not, so it may begin late. A ledger that has
// moved can be read too; movedTo is where to. The error is that of [Read].
func Entries(ctx context.Context, store state.Store, organization string, take func(Entry)) (movedTo string,
	err error) {
	archived, err := store.Archived(ctx)
	if err != nil {
		return "", fmt.Errorf("read the ledger: %w", err)
	}
	if _, err := parseContent(archived, organization, take); err != nil {
		return "", err
	}
	var moved *RetiredError
	if _, err = readContent(ctx, store, organization, take); errors.As(err, &moved) {
		return moved.To, nil
	}
	return "", err
}
