package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

// openStore opens the store of an organization at a location, as in --state.
func openStore(ctx context.Context, location, organization string) (s state.Store, closeStore func(), err error) {
	l, err := state.ParseLocation(location)
	if err != nil {
		return nil, nil, err
	}
	place, err := backend.Open(ctx, l, os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	if s, err = place.Store(ctx, organization); err != nil {
		place.Close()
		return nil, nil, err
	}
	return s, place.Close, nil
}

// openAlone opens and closes the ledger of an organization at a location.
func openAlone(ctx context.Context, location, organization string) error {
	store, closeStore, err := openStore(ctx, location, organization)
	if err != nil {
		return err
	}
	defer closeStore()
	l, err := ledger.Open(ctx, store, ledger.Options{Organization: organization, Now: time.Now})
	if err != nil {
		return err
	}
	return l.Close()
}

// write puts text into an empty store.
func (b *bench) write(store state.Store, text []byte) error {
	lease, err := store.Acquire(b.ctx, state.Holder{}, 0)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }()
	return lease.Replace(text)
}

// history returns a ledger with about this number of lines. Everybody was mailed four times, a day apart, and each mail
// has two lines: its intent and its outcome.
func history(lines int, organization string) []byte {
	const rounds = 4
	var text []byte
	begin := time.Now().UTC().AddDate(0, 0, -rounds).Round(time.Millisecond)
	people := lines / 2 / rounds
	for round := range rounds {
		at := begin.AddDate(0, 0, round)
		for i := range people {
			at = at.Add(time.Millisecond)
			stamp := at.Format(time.RFC3339Nano)
			text = fmt.Appendf(text,
				`{"v":1,"organization_id":%q,"run":"RUN%d","time":%q,"email":%q,"action":"invite","n":"%d"}`+"\n",
				organization, round, stamp, email(i), 2*i+1)
			text = fmt.Appendf(text,
				`{"v":1,"organization_id":%q,"run":"RUN%d","time":%q,"email":%q,"action":"invite","outcome":"sent",`+
					`"invitation_id":"%08x-0000-4000-8000-%012x","expires_at":%q,"n":"%d"}`+"\n",
				organization, round, stamp, email(i), round, i, at.AddDate(0, 0, 3).Format(time.RFC3339Nano), 2*i+2)
		}
	}
	return text
}
