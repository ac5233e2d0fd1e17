package cli

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

// historyOptions selects the entries that history shows.
type historyOptions struct {
	keys         []string // the keys of addresses (see org.Address.Key); empty to show everybody
	since, until string   // as [parseMoment] reads them
	action       string   // "" to show all actions
	organization string   // "" for the only organization of the state
}

func (a *app) historyCommand() *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history [EMAIL...]",
		Short: "Show what orgsync did for each person, when, and in which run",
		Long: `Reads the ledger, orgsync's record of the mails and changes that it sent.
history prints each mail, and each change of access or membership. It also
prints when a person joined the organization or left the roster. history needs
no API key.

The outcome "unanswered" means that the run ended before it recorded the answer
of the API.

If the ledger is in a folder, orgsync sometimes removes old lines from it. If
the ledger is in a bucket or a database, orgsync keeps all lines.`,
		Annotations: exitStatus(exitInvalid, exitInterrupted),
		Example: `  orgsync history ada@example.com
  orgsync history --since 14d --action invite
  orgsync history --since 2026-01-01 --output csv > history.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				who, err := org.ParseAddress(arg)
				if err != nil {
					return &usageError{cmd.CommandPath(), fmt.Errorf("EMAIL is %q: %w", arg, err)}
				}
				o.keys = append(o.keys, who.Key())
			}
			since, err := parseMoment(o.since, time.Now())
			if err != nil {
				return &usageError{cmd.CommandPath(), fmt.Errorf("--since is %q: %w", o.since, err)}
			}
			until, err := parseMoment(o.until, time.Now())
			if err != nil {
				return &usageError{cmd.CommandPath(), fmt.Errorf("--until is %q: %w", o.until, err)}
			}
			return a.withState(cmd.Context(), func(ctx context.Context, b *backend.Backend, _ state.Location) error {
				return a.history(ctx, b, o, since, until)
			})
		},
	}
	a.addStateCommandFlags(cmd)
	a.addOutputFlag(cmd, "csv")
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "show only entries from this `time` on: a date, a time as in "+
		"2026-01-31T08:00:00Z, or an age as in 14d")
	f.StringVar(&o.until, "until", "", "show only entries before this `time`, written as for --since; a date means its "+
		"beginning in UTC")
	f.StringVar(&o.action, "action", "", "show only entries with this `action`, such as invite, resend, grant or joined")
	f.StringVar(&o.organization, "organization", "", "`id` of the organization, if there are ledgers of "+
		"several organizations")
	for _, name := range []string{"since", "until", "action", "organization"} {
		markWithoutEnvironment(f, name)
	}
	return cmd
}

// parseMoment parses a date, a time, or an age, which it subtracts from now. For "", it returns the
// zero time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	var age time.Duration
	if err := flagvalue.Age(&age).Set(text); err != nil {
		return time.Time{}, errors.New(
			"write a date as in 2026-01-31, a time as in 2026-01-31T08:00:00Z, or an age as in 14d")
	}
	return now.Add(-age), nil
}

// historyEntry is an entry of the ledger in the JSON form.
type historyEntry struct {
	Time         time.Time `json:"time"`
	Email        string    `json:"email,omitempty"`
	Action       string    `json:"action"`
	Outcome      string    `json:"outcome,omitempty"`
	InvitationID string    `json:"invitation_id,omitempty"`
	ObjectID     string    `json:"object_id,omitempty"`
	Kind         string    `json:"kind,omitempty"`
	Name         string    `json:"name,omitempty"`
	Message      string    `json:"message,omitempty"`
	Run          string    `json:"run"`
}

// historyDocument is the JSON form of 'history'.
type historyDocument struct {
	report.Header
	OrganizationID string         `json:"organization_id"`
	Entries        []historyEntry `json:"entries"`
}

func (a *app) history(ctx context.Context, b *backend.Backend, o historyOptions, since, until time.Time) error {
	id, err := a.pickOrganization(ctx, b, o.organization)
	if err != nil {
		return err
	}
	entries := []historyEntry{}
	if id != "" {
		if entries, err = readHistory(ctx, b, id); err != nil {
			return stateFailed(ctx, err)
		}
	}
	all := len(entries)
	entries = slices.DeleteFunc(entries, func(e historyEntry) bool {
		return len(o.keys) > 0 && !slices.Contains(o.keys, e.Email) || o.action != "" && e.Action != o.action ||
			!since.IsZero() && e.Time.Before(since) || !until.IsZero() && !e.Time.Before(until)
	})
	a.reported = true
	switch a.output {
	case "json":
		return report.WriteJSON(a.stdout, historyDocument{report.NewHeader("history"), id, entries})
	case "csv":
		return a.printHistoryCSV(entries)
	}
	return a.printHistory(entries, all > 0)
}

// errNoLedgerOf returns the error for an organization of which the state has no ledger. have holds
// the ids of the organizations of which it has one.
func errNoLedgerOf(named string, have []string) error {
	text := fmt.Sprintf("the state holds no ledger of the organization %.40q", named)
	if len(have) > 0 {
		text += ", but of " + printable.JoinAnd(slices.Sorted(slices.Values(have)))
	}
	return &usageError{"orgsync history", errors.New(text)}
}

// pickOrganization returns the id of the organization to show. This is named or, if named is "", the
// only organization in the state. The id is "" if the state has no organization.
func (a *app) pickOrganization(ctx context.Context, b *backend.Backend, named string) (string, error) {
	ids, err := b.Organizations(ctx)
	switch {
	case err != nil:
		return "", stateFailed(ctx, err)
	case named != "" && !slices.Contains(ids, named):
		return "", errNoLedgerOf(named, ids)
	case named != "":
		return named, nil
	case len(ids) > 1:
		return "", &usageError{"orgsync history", fmt.Errorf(
			"the state holds the ledgers of %d organizations; name one with --organization: %s", len(ids),
			printable.JoinAnd(slices.Sorted(slices.Values(ids))))}
	case len(ids) == 1:
		return ids[0], nil
	}
	return "", nil
}

// readHistory returns the entries of a ledger, oldest first, without the entries for whole runs. The
// ledger has two entries for a mail or an edit, one before the request and one after the answer.
// readHistory returns one entry for the two: the second, at the place of the first.
func readHistory(ctx context.Context, b *backend.Backend, organization string) ([]historyEntry, error) {
	store, err := b.Store(organization)
	if err != nil {
		return nil, err
	}
	type request struct{ run, email, object string }
	unanswered := map[request]int{} // the index in entries
	var entries []historyEntry
	_, err = ledger.Entries(ctx, store, organization, func(e ledger.Entry) {
		if e.Action == ledger.Run {
			return
		}
		entry := historyEntry{
			Time: e.Time, Email: e.Email, Action: string(e.Action), Outcome: string(e.Outcome), InvitationID: e.InvitationID,
			ObjectID: e.Object, Kind: string(e.Kind), Name: e.Name, Message: e.Message, Run: e.Run,
		}
		key := request{e.Run, e.Email, e.Object}
		switch i, found := unanswered[key]; {
		case e.Announces():
			entry.Outcome = "unanswered" // unless the second entry follows
			unanswered[key] = len(entries)
			entries = append(entries, entry)
		case e.Outcome != "" && found:
			delete(unanswered, key)
			entries[i] = entry
		default:
			entries = append(entries, entry)
		}
	})
	return entries, err
}

// printHistory prints a table of entries. filtered is true if the ledger has entries that the
// command line leaves out.
func (a *app) printHistory(entries []historyEntry, filtered bool) error {
	if len(entries) == 0 {
		text := "The ledger has no entries."
		if filtered {
			text = "No entry of the ledger fits."
		}
		_, err := fmt.Fprintln(a.stdout, text)
		return err
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TIME\tEMAIL\tACTION\tOUTCOME\tDETAIL\tRUN")
	for _, e := range entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Time.UTC().Format(time.RFC3339),
			clean(cmp.Or(e.Email, "-")), e.Action, cmp.Or(e.Outcome, "-"), clean(cmp.Or(e.detail(), "-")),
			printable.Clean(e.Run[:min(len(e.Run), 8)], 8))
	}
	return table.Flush()
}

// detail returns the text of the column DETAIL.
func (e historyEntry) detail() string {
	parts := []string{}
	for _, part := range []string{e.Kind, e.Name, e.InvitationID, e.ObjectID, e.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

func (a *app) printHistoryCSV(entries []historyEntry) error {
	w := csv.NewWriter(a.stdout)
	_ = w.Write([]string{"time", "email", "action", "outcome", "invitation_id", "object_id", "kind", "name",
		"message", "run"})
	for _, e := range entries {
		row := []string{e.Time.UTC().Format(time.RFC3339), e.Email, e.Action, e.Outcome, e.InvitationID, e.ObjectID,
			e.Kind, e.Name, e.Message, e.Run}
		for i := range row {
			row[i] = escapeCell(row[i])
		}
		_ = w.Write(row)
	}
	w.Flush()
	return w.Error()
}

// escapeCell returns text for a CSV file. It puts a quote before text that begins like a formula,
// because a spreadsheet would run the formula.
func escapeCell(text string) string {
	text = clean(text)
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
