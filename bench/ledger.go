package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

// benchOrganization is the organization that the ledger is of.
const benchOrganization = "bench"

// ledger measures the opening of a large ledger.
func (b *bench) ledger() error {
	lines := 1_000_000
	if b.quick {
		lines = 100_000
	}
	if !b.wants("ledger") {
		return nil
	}
	store, closeStore, err := openStore(b.ctx, b.scratch, benchOrganization)
	if err != nil {
		return err
	}
	defer closeStore()
	text := history(lines, benchOrganization)
	if err := b.write(store, text); err != nil {
		return err
	}
	floor, err := b.alone(b.runs, nil, "lines", filepath.Join(b.scratch, benchOrganization, "ledger.jsonl"))
	if err != nil {
		return err
	}
	c, err := b.alone(b.runs, nil, "open", b.scratch, benchOrganization)
	if err != nil {
		return err
	}
	b.row("Ledger: opening it over decoding its lines with `encoding/json`",
		"lines | size | wall | wall / floor | processor time | processor time / floor | peak memory | peak memory / floor",
		lines, megabytes(int64(len(text))), c.Wall, c.Wall.Seconds()/floor.Wall.Seconds(), c.Processor,
		c.Processor.Seconds()/floor.Processor.Seconds(),
		megabytes(c.Memory), float64(c.Memory)/float64(floor.Memory))
	return nil
}

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
	if s, err = place.Store(organization); err != nil {
		place.Close()
		return nil, nil, err
	}
	return s, place.Close, nil
}

// openAlone opens the ledger of an organization at a location.
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

// linesAlone decodes the lines of a ledger.
func linesAlone(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var e ledger.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
	}
	return nil
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

// history is an organization's ledger of so many lines: an intent and an outcome for each of some mails to everybody, a
// day apart, all of which still count.
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
			text = fmt.Appendf(text, `{"v":1,"organization_id":%q,"run":"RUN%d","time":%q,"email":%q,"action":"invite"}`+"\n",
				organization, round, stamp, email(i))
			text = fmt.Appendf(text,
				`{"v":1,"organization_id":%q,"run":"RUN%d","time":%q,"email":%q,"action":"invite","outcome":"sent",`+
					`"invitation_id":"%08x-0000-4000-8000-%012x","expires_at":%q}`+"\n",
				organization, round, stamp, email(i), round, i, at.AddDate(0, 0, 3).Format(time.RFC3339Nano))
		}
	}
	return text
}
