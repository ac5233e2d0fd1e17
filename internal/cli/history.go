package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
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

// historyActions are the values of --action: the actions of the ledger, except for those of lines about
// whole runs, which history leaves out.
var historyActions = []string{
	string(ledger.Invite), string(ledger.Resend), string(org.EditUpdate), string(org.EditGrant), string(org.EditRevoke),
	string(org.EditSuspend), string(org.EditUnsuspend), string(org.EditRemove), string(org.FactJoined),
	string(org.FactActive), string(org.FactUnlisted), string(org.FactReset), string(org.FactFound),
	string(org.FactAbsent), string(org.FactUnlistedUser), string(org.FactUserGone), string(org.FactAccess),
	string(ledger.Retired),
}

// checkAction returns an error if action is neither empty nor an action of the ledger.
func checkAction(action string) error {
	if action == "" || slices.Contains(historyActions, action) {
		return nil
	}
	if near := roster.Nearest(action, historyActions); near != "" {
		return fmt.Errorf("--action is %q: did you mean %s?", action, near)
	}
	return fmt.Errorf("--action is %q: must be %s", action, printable.JoinOr(historyActions))
}

func (a *app) historyCommand() *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history [EMAIL...]",
		Short: "Show what orgsync did for each person, when, and in which run",
		Long: `Reads the ledger. The ledger records the mails and changes that orgsync sent.
history prints each mail and each change of access or membership. It also prints
when people joined the organization or left the roster. history needs no API
key.

The outcome "unanswered" means that the run ended before it recorded the answer
of the API.

In a bucket or a database, the ledger keeps all lines. In a folder, orgsync
sometimes removes old lines.`,
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
			if err := checkAction(o.action); err != nil {
				return &usageError{cmd.CommandPath(), err}
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
	f.StringVar(&o.until, "until", "", "show only entries before this `time`, written as for --since; a date means the "+
		"start of the day in UTC")
	f.StringVar(&o.action, "action", "", "show only entries with this `action`, such as invite, resend, grant or joined")
	f.StringVar(&o.organization, "organization", "", "`id` of the organization, if there are ledgers of "+
		"several organizations")
	completeValues(cmd, "action", historyActions)
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

func (a *app) history(ctx context.Context, b *backend.Backend, o historyOptions, since, until time.Time) error {
	id, err := a.pickOrganization(ctx, b, o.organization)
	if err != nil {
		return err
	}
	h := report.History{OrganizationID: id}
	if id != "" {
		if h.Entries, err = readHistory(ctx, b, id); err != nil {
			return stateFailed(ctx, err)
		}
	}
	h.Filtered = len(h.Entries) > 0
	h.Entries = slices.DeleteFunc(h.Entries, func(e ledger.Entry) bool {
		return len(o.keys) > 0 && !slices.Contains(o.keys, e.Email) || o.action != "" && string(e.Action) != o.action ||
			!since.IsZero() && e.Time.Before(since) || !until.IsZero() && !e.Time.Before(until)
	})
	a.reported = true
	switch a.output {
	case "json":
		return report.HistoryJSON(a.stdout, h)
	case "csv":
		return report.HistoryCSV(a.stdout, h)
	}
	return a.writeDocument(a.stdout, report.HistoryDocument(h))
}

func readHistory(ctx context.Context, b *backend.Backend, organization string) ([]ledger.Entry, error) {
	store, err := b.Store(ctx, organization)
	if err != nil {
		return nil, err
	}
	return ledger.Requests(ctx, store, organization)
}

// errNoLedgerOf returns the error for the organization named, of which the state has no ledger. have has
// the ids of the organizations whose ledgers are in the state.
func errNoLedgerOf(named string, have []string) error {
	text := fmt.Sprintf("the state has no ledger of the organization %.40q", named)
	if len(have) > 0 {
		text += "; it has ledgers of " + printable.JoinAnd(slices.Sorted(slices.Values(have)))
	}
	return &usageError{"orgsync history", errors.New(text)}
}

// pickOrganization returns the id of the organization to show: named, in any mixture of upper and lower case. If named
// is "", it is the only organization in the state; "" if the state has none.
func (a *app) pickOrganization(ctx context.Context, b *backend.Backend, named string) (string, error) {
	ids, err := b.Organizations(ctx)
	at := slices.IndexFunc(ids, func(id string) bool { return strings.EqualFold(id, named) })
	switch {
	case err != nil:
		return "", stateFailed(ctx, err)
	case named != "" && at < 0:
		return "", errNoLedgerOf(named, ids)
	case named != "":
		return ids[at], nil
	case len(ids) > 1:
		return "", &usageError{"orgsync history", fmt.Errorf(
			"the state has the ledgers of %d organizations; name one with --organization: %s", len(ids),
			printable.JoinAnd(slices.Sorted(slices.Values(ids))))}
	case len(ids) == 1:
		return ids[0], nil
	}
	return "", nil
}
