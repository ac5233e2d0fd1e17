package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/vultr"
)

// watchInterval is the time between two reads of --watch. A read is some ten requests.
const watchInterval = 10 * time.Second

// statusOptions holds the options that only status has.
type statusOptions struct {
	addresses []org.Address
	watch     bool
	stale     time.Duration // 0 to show everybody
	by        string        // "person" or "team"
}

func (a *app) statusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [EMAIL...]",
		Short: "Show the state of everybody in the roster",
		Long: `Reads the roster and the organization. For each person in the roster, status
prints:

- the state, for example member, pending or expired
- since when: the day when a member joined, or the day of the first mail that the
  person has not answered
- how long the invitation is still valid
- the number of invitation mails that the person has not answered
- how much access the roster gives to the person, and how much of this access
  the person has

If you give neither EMAIL nor --stale, status also lists people who are not in
the roster, but are in the organization or invited to it. status changes
nothing, and does not wait for the lock of another run.

EMAIL is an address or an alias in the roster. For each EMAIL, status prints
everything that is known about the person. To be sure of the state of the
person's invitation, status also reads the invitation by its id.

With --watch, status reads again until nobody is pending. If the API stops
answering after the first read, status writes a warning and tries again.

With --by team, the table has one part for each team. People who are in several
teams appear in each of their teams.

With -o html, status prints a web page in one file. The page also has a timeline
of the invitations. With -o markdown, status prints text for an issue or a job
summary.`,
		Annotations: exitStatus(exitRefused, exitInvalid, exitInterrupted),
		Example: `  orgsync status
  orgsync status ada@example.com
  orgsync status --stale 14d
  orgsync status --by team
  orgsync status --watch --timeout 2h
  orgsync status --output html > status.html
  orgsync status --output markdown >> "$GITHUB_STEP_SUMMARY"`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return a.completePeople(cmd, nil, args, prefix)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.watch && (a.output == "html" || a.output == "markdown") { // several reports in a row are not one page
				return &usageError{cmd.CommandPath(), fmt.Errorf("--watch cannot print %s: use --watch with --output text "+
					"or json, or run 'orgsync status --output %s' without --watch", a.output, a.output)}
			}
			for _, arg := range args {
				who, err := org.ParseAddress(arg)
				if err != nil {
					err = fmt.Errorf("EMAIL is %q: %w", arg, err)
					switch {
					case o.watch && strings.IndexAny(arg, "0123456789") == 0 && !looksLikeAddress(arg):
						err = &adviceError{err, "--watch has no value: it reads again every " + watchInterval.String()}
					case a.sandbox.On, isRosterName(arg), isCSVName(arg):
						err = &adviceError{err, a.adviseArgument(cmd, arg, args)}
					}
					return &usageError{cmd.CommandPath(), err}
				}
				o.addresses = append(o.addresses, who)
			}
			return a.status(cmd.Context(), o)
		},
	}
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, "markdown", "html")
	a.addConnectionFlags(cmd)
	f := cmd.Flags()
	addBoolFlag(f, &o.watch, "watch", "read again every "+watchInterval.String()+" until nobody is pending, or "+
		"--timeout has passed")
	f.Var(flagvalue.Age(&o.stale), "stale",
		"show only people who have not accepted, and were invited longer ago than this time, as in 14d or 36h")
	o.by = "person"
	f.Var(flagvalue.Choice(&o.by, "order", "person", "team"), "by",
		"`order` of the table: person or team; with team, people appear in each of their teams")
	completeValues(cmd, "by", []string{"person", "team"})
	return cmd
}

func (a *app) status(ctx context.Context, o statusOptions) error {
	a.enableHeader("status")
	r, err := a.loadRoster(ctx)
	if err != nil {
		return err
	}
	for i, who := range o.addresses {
		p := r.Find(who)
		if p == nil {
			return errNotInRoster(r, who)
		}
		o.addresses[i] = p.Email
	}
	if o.watch {
		a.progress = nil // otherwise a bar would appear with each read
	}
	session, stop, err := a.openSession(ctx, r, reconcile.Open)
	if err != nil {
		return err
	}
	defer stop()
	read := func() (report.Status, error) { return a.readStatus(ctx, session, r, o) }
	if o.watch {
		return a.watch(ctx, read)
	}
	s, err := read()
	if err != nil {
		return reconcile.WithCause(ctx, err)
	}
	a.reported = true
	return a.printStatus(a.stdout, s)
}

// readStatus reads the organization and returns the state of the people that o selects.
func (a *app) readStatus(ctx context.Context, session *reconcile.Session, r *roster.Roster,
	o statusOptions) (report.Status, error) {
	decision, statuses, err := session.Status(ctx)
	if err != nil {
		return report.Status{}, err
	}
	p := decision.Plan
	s := report.Status{Organization: p.Organization, Now: p.Now, Stale: o.stale, Detailed: len(o.addresses) > 0,
		ByTeam: o.by == "team"}
	for _, t := range r.Teams {
		s.Teams = append(s.Teams, t.Name)
	}
	selected := map[string]bool{} // by the keys of addresses
	users := map[string]bool{}    // the ids of the selected people's users
	for _, status := range statuses {
		switch {
		case s.Detailed && !slices.ContainsFunc(o.addresses, status.Email.Equal):
			continue
		case o.stale > 0 && !status.Unanswered():
			continue
		case o.stale > 0 && status.FirstMail.IsZero():
			s.UnknownWait++
			continue
		case o.stale > 0 && p.Now.Sub(status.FirstMail) <= o.stale:
			continue
		}
		selected[status.Email.Key()] = true
		users[status.UserID] = status.UserID != ""
		person := report.Person{PersonStatus: status}
		if s.Detailed {
			person.Leaving = leavingUser(p, status.UserID)
			if err := a.addDetail(ctx, session, r.Find(status.Email), &person); err != nil {
				return report.Status{}, err
			}
		}
		s.People = append(s.People, person)
	}
	for _, n := range p.Notices {
		shown := selected[n.Email.Key()] || users[n.UserID]
		switch n.Kind {
		// These are about the organization, and explain states of people or what apply does with people.
		case plan.MembersUnseen, plan.SuspendedUnseen, plan.SelfUnseen, plan.PinUnconfirmed, plan.WrongOrganization,
			plan.Limit, plan.UnknownAccess:
			shown = true
		default:
		}
		switch {
		case shown:
			s.Notices = append(s.Notices, n)
		case n.Kind == plan.Unlisted && s.Everybody():
			s.Unlisted = append(s.Unlisted, n)
		}
	}
	if s.Everybody() {
		s.Unlisted = append(s.Unlisted, p.UnlistedSuspended...)
	}
	for _, c := range p.Changes {
		if c.Reason == plan.NotListed && s.Everybody() {
			s.Leaving = append(s.Leaving, c)
		}
	}
	return s, nil
}

// leavingUser returns the change of p that suspends or removes the user id; nil if there is none.
func leavingUser(p plan.Plan, id string) *plan.Change {
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Reason == plan.NotListed && id != "" && c.UserID == id {
			return c
		}
	}
	return nil
}

// addDetail adds to p the answer of the API for the person's invitation, and the person's history in
// the ledger. If the API does not return the invitation, addDetail keeps the error in p, because the
// list of invitations already gave the state. Other errors end the run, for example a key that the
// API no longer accepts.
func (a *app) addDetail(ctx context.Context, session *reconcile.Session, listed *roster.Person,
	p *report.Person) error {
	if p.InvitationID != "" {
		invitation, err := session.Invitation(ctx, p.InvitationID)
		if call, ok := errors.AsType[*org.CallError](err); err != nil &&
			(!ok || ctx.Err() != nil || call.Failure == org.Denied && !vultr.IsForbiddenOrMissing(err)) {
			return err
		}
		p.Verified = &report.Verification{Invitation: invitation, Problem: err}
	}
	var err error
	p.History, err = session.History(ctx, listed)
	return err
}

func (a *app) printStatus(w io.Writer, s report.Status) error {
	if a.output == "json" {
		return report.StatusJSON(w, s)
	}
	return a.writeDocument(w, report.StatusDocument(s))
}

// watch reads and prints the status until nobody is pending. It redraws a terminal after each read.
// Other output gets a status only if it differs from the status before. If the API does not answer a later read,
// watch tries again.
func (a *app) watch(ctx context.Context, read func() (report.Status, error)) error {
	redraw := a.output == "text" && a.isTerminal(a.stdout) && a.getenv("TERM") != "dumb"
	var before []byte
	var start time.Time // the server's time of the first read
	pending := -1       // the number is unknown before the first read
	for {
		s, err := read()
		for before != nil && ctx.Err() == nil && isOutage(err) {
			a.log.Warn("the organization cannot be read now; the next attempt is in "+watchInterval.String(), "error", err)
			if err = a.waitForNextRead(ctx); err == nil {
				s, err = read()
			}
		}
		if err != nil {
			return a.watchError(ctx, pending, err)
		}
		pending = 0
		for _, p := range s.People {
			if p.State == plan.StatePending {
				pending++
			}
		}
		if before == nil {
			start = s.Now
		}
		// The table has notices that JSON does not have. JSON has details that a narrow table does not have.
		var current, text bytes.Buffer
		compared := fixTimes(s, start)
		if err := errors.Join(report.StatusJSON(&current, compared), a.printStatus(&current, compared)); err != nil {
			return err
		}
		if redraw || !bytes.Equal(current.Bytes(), before) {
			if err := a.printStatus(&text, s); err != nil {
				return err
			}
			if redraw {
				fmt.Fprint(a.stdout, "\x1b[H\x1b[2J") // to the upper left, and clear (ECMA-48, 8.3.21 and 8.3.39)
			} else if before != nil && a.output == "text" {
				fmt.Fprintln(a.stdout)
			}
			a.reported = true
			if _, err := a.stdout.Write(text.Bytes()); err != nil {
				return err
			}
		}
		before = current.Bytes()
		if pending == 0 {
			return nil
		}
		if err := a.waitForNextRead(ctx); err != nil {
			return a.watchError(ctx, pending, err)
		}
	}
}

// waitForNextRead returns nil after [watchInterval], or the cause of the end of ctx.
func (a *app) waitForNextRead(ctx context.Context) error {
	select {
	case <-a.after(watchInterval):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isOutage reports whether err says that the API gave no answer, or asked to try again later.
func isOutage(err error) bool {
	call, ok := errors.AsType[*org.CallError](err)
	return ok && (call.Failure == org.NotSent || call.Failure == org.Lost)
}

// fixTimes returns s without the times that differ after each read. start is the time of the first read.
func fixTimes(s report.Status, start time.Time) report.Status {
	s.Now = start
	withoutWait := func(notices []plan.Notice) []plan.Notice {
		notices = slices.Clone(notices)
		for i := range notices {
			if n := &notices[i]; !n.RemovalAfter.IsZero() { // counted from now, if no apply has seen the user
				n.RemovalAfter = start
			}
		}
		return notices
	}
	s.Notices, s.Unlisted = withoutWait(s.Notices), withoutWait(s.Unlisted)
	return s
}

// watchError returns the error with which --watch ends because of err. If --timeout ended it, the
// error says how many people are still pending. In JSON, the error is one more document: the
// documents before it do not have it.
func (a *app) watchError(ctx context.Context, pending int, err error) error {
	a.reported = false
	if cause := context.Cause(ctx); pending > 0 && is[*timeoutError](cause) {
		return fmt.Errorf("%s still pending: %w", document.Pluralize(pending, "person is", "people are"), cause)
	}
	return reconcile.WithCause(ctx, err)
}
