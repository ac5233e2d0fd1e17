package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/shellword"
)

// importOptions holds the options that only import has.
type importOptions struct {
	merge  string   // the file to add people to; "" to print a new roster
	roster []string // the files of the whole roster that merge is part of; empty if merge is the only file
	csv    string   // the file to read people from; "" to read the organization
	access bool     // whether to update the access of people in merge
	byTeam bool     // whether to make a team of each group
	pin    string   // the organization, if the roster does not name one
}

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Print a roster that describes the organization",
		Long: `Prints a roster that describes the organization. The roster lists the members,
and the people who can still accept an invitation. It lists neither service
users nor members that orgsync suspended. It lists the user of the API key only
if there is nobody else. The roster has the groups, roles and policies of each
person. Comments name the people that the roster leaves out, and other things
that the organization has but a roster cannot contain. import changes nothing in
the organization. If you run plan with this roster right away, the plan has no
changes.

import reads the members of every group, role and policy. In an organization
with many groups, roles and policies, import needs many requests.

With --by-team, each group becomes a team with the members of the group.

With --csv, import reads people from a CSV file instead of the organization. The
first line of the file names the columns. The column "email" is required. These
columns are optional: name, groups, roles, policies, api_enabled, aliases, until
and note. Separate columns by commas, semicolons or tabs. Separate the items of
a list by semicolons. If semicolons also separate the columns, put the list in
double quotes. Empty columns at the end are ignored. The file can also be a
plain list of addresses.

With --merge FILE, import prints the roster FILE and adds the missing people.
The added people are at the end of the list "users". The rest of the output is
the same as FILE.

With --merge FILE --access, the output also gives the people in FILE the access
that they have in the organization. FILE itself does not change. import updates
only access that the roster manages (see docs/roster.md). If a person left the
organization, import adds a comment above the person's entry.
deploy/github-drift.yml is a scheduled job that opens a pull request with these
updates.

Do not redirect the output to FILE: the shell would empty FILE before import
reads it.`,
		Annotations: exitStatus(exitRefused, exitInvalid, exitInterrupted),
		Example: `  orgsync import > users.yaml
  orgsync import --csv people.csv > users.yaml
  orgsync import --by-team > users.yaml
  orgsync import --merge users.yaml > new.yaml
  orgsync import --merge users.yaml --access > new.yaml
  orgsync import --merge teams/new.yaml --roster teams/ > new.yaml`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// ORGSYNC_ROSTER without --merge is no mistake: it may be set for other commands.
			byEnvironment := a.getenv(environmentName(cmd.Flags().Lookup("roster"))) != ""
			if len(o.roster) > 0 && o.merge == "" && !byEnvironment {
				return &usageError{cmd.CommandPath(), errors.New("--roster needs --merge: --roster names the whole roster, " +
					"and the file of --merge is a part of it")}
			}
			if o.byTeam && o.merge != "" {
				return &usageError{cmd.CommandPath(), errors.New("--by-team makes a new roster, and --merge adds people to an " +
					"existing one: use only one of these flags")}
			}
			if o.access && (o.merge == "" || o.csv != "") {
				return &usageError{cmd.CommandPath(), errors.New("--access updates the file of --merge from the organization: " +
					"use it with --merge, and without --csv")}
			}
			if o.csv != "" {
				return a.importCSV(cmd.Context(), o)
			}
			return a.importRoster(cmd.Context(), o)
		},
	}
	a.addConnectionFlags(cmd)
	f := cmd.Flags()
	f.Var(flagvalue.Path(&o.csv), "csv", "read people from this CSV `file` instead of the organization; no key is needed")
	_ = cmd.MarkFlagFilename("csv", "csv", "tsv", "txt")
	f.Var(flagvalue.Path(&o.merge), "merge", "print this roster `file`, with the missing people added")
	f.VarP(flagvalue.NewSlice(&o.roster, "path", flagvalue.ParsePath), "roster", "r",
		"with --merge: the files or folders of the whole roster, if FILE is one of several files; repeatable")
	addBoolFlag(f, &o.byTeam, "by-team", "make each group a team with the members of the group")
	addBoolFlag(f, &o.access, "access",
		"with --merge: in the output, also update the access of people to their access in the organization, and mark "+
			"people who left")
	f.StringVar(&o.pin, "organization", "", "`name` or id of the organization, if the key sees several organizations "+
		"and no roster names one")
	_ = cmd.MarkFlagFilename("merge", rosterFiles...)
	_ = cmd.MarkFlagFilename("roster", rosterFiles...)
	return cmd
}

// errNobodyToList says that import found no people for a new roster.
var errNobodyToList = errors.New("the organization has no people to list")

func (a *app) importRoster(ctx context.Context, o importOptions) error {
	r, text, err := a.loadExisting(ctx, o)
	if err != nil {
		return err
	}
	session, stop, err := a.openSession(ctx, r, reconcile.Open)
	if pin, ok := errors.AsType[*org.PinError](err); ok && pin.Pin == o.pin { // the roster names no organization
		err = advisePin(pin, o)
	}
	if err != nil {
		return err
	}
	defer stop()
	draft, drift, err := session.Draft(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.merge != "":
		var updates []roster.AccessUpdate
		var remarks []string
		if o.access { // before roster.Merge, because drift has the positions of people in the file
			updates = updatesIn(o.merge, drift.Updates)
			if text, remarks, err = a.updateAccess(o.merge, text, drift, updates); err != nil {
				return err
			}
		}
		if text, err = roster.Merge(o.merge, text, draft.Entries); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "People added to %s: %d.\n", shellword.Quote(o.merge), len(draft.Entries))
		draft.Comments = slices.Concat(draft.Comments, remarks, drift.NewRevocations(draft.Entries, updates))
		for _, remark := range draft.Comments { // on stderr, so that they do not end up in the existing file
			fmt.Fprintf(a.stderr, "- %s\n", clean(remark))
		}
	case len(draft.Entries) == 0:
		return errNobodyToList
	default:
		draft.ByTeam = o.byTeam
		text = draft.YAML()
	}
	a.reported = true
	_, err = a.stdout.Write(text)
	return err
}

// advisePin adds advice about --organization to pin, which is about the value of this flag or about the missing flag.
// The hint that plan gives would name a line of the roster, which a new roster does not have yet.
func advisePin(pin *org.PinError, o importOptions) error {
	if pin.Pin == "" {
		err := fmt.Errorf("%w: name one with --organization", pin)
		if o.merge != "" {
			return err // the roster exists, so the hint that plan gives is right
		}
		return &adviceError{err, ""} // the error itself says what to do
	}
	err := fmt.Errorf("--organization: %w", pin)
	if pin.IsAmbiguous() {
		return &adviceError{err, "name the organization by its id, as in --organization ID"}
	}
	return &adviceError{err, "use a key of this organization, or name another organization with --organization"}
}

// isSameFile reports whether two paths lead to one file.
func isSameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// updatesIn returns the updates of entries in the --merge file.
func updatesIn(file string, all []roster.AccessUpdate) []roster.AccessUpdate {
	var updates []roster.AccessUpdate
	isMerged := map[string]bool{} // by the names of the roster's files
	for _, u := range all {
		if _, known := isMerged[u.At.File]; !known {
			isMerged[u.At.File] = isSameFile(u.At.File, file)
		}
		if isMerged[u.At.File] {
			updates = append(updates, u)
		}
	}
	return updates
}

// updateAccess adds updates to text, and returns the result. text is the content of the --merge file, and updates are
// the updates of drift for this file. It also returns remarks about differences that it did not write into text.
func (a *app) updateAccess(file string, text []byte, drift reconcile.Drift, updates []roster.AccessUpdate) ([]byte,
	[]string, error) {
	left := 0
	for _, u := range updates {
		if u.Left {
			left++
		}
	}
	text, failed, err := roster.UpdateAccess(file, text, updates)
	if err != nil {
		return nil, nil, err
	}
	if n := len(drift.Updates) - len(updates); n > 0 {
		failed = append(failed, fmt.Sprintf("%d more people differ, but they are in other files: name these files "+
			"with --merge", n))
	}
	fmt.Fprintf(a.stderr, "People whose access differs: %d. People who left: %d. Changes to make by hand: %d.\n",
		len(updates)-left, left, len(failed))
	return text, slices.Concat(failed, drift.Remarks), nil
}

// importCSV prints a new roster with the people of the --csv file. With --merge, it prints the
// existing roster with these people added.
func (a *app) importCSV(ctx context.Context, o importOptions) error {
	data, err := interruptible(ctx, "read "+o.csv, func() ([]byte, error) { return readRosterText(o.csv) })
	if err != nil {
		return withStep(stepReadCSV, fmt.Errorf("--csv: %w", err))
	}
	entries, err := roster.ParseCSV(o.csv, data)
	if err != nil {
		return withStep(stepReadCSV, err)
	}
	r, text, err := a.loadExisting(ctx, o)
	if err != nil {
		return err
	}
	if o.merge == "" {
		draft := roster.Draft{
			Organization: org.Organization{Name: o.pin}, File: o.csv, Entries: entries, ByTeam: o.byTeam,
		}
		a.reported = true
		_, err = a.stdout.Write(draft.YAML())
		return err
	}
	listed := map[string]*roster.Person{}
	for i := range r.People {
		for _, who := range r.People[i].Addresses() {
			listed[who.Key()] = &r.People[i]
		}
	}
	before, now := len(entries), time.Now()
	var remarks []string
	entries = slices.DeleteFunc(entries, func(e roster.Entry) bool {
		if p := listed[e.Email.Key()]; p != nil {
			if p.Ended(now) {
				remarks = append(remarks, fmt.Sprintf("%s is not added, because the entry at %s lists them until %s, which "+
					"is over: change this date", e.Email, p.At.Source(), p.Until))
			}
			return true
		}
		i := slices.IndexFunc(e.Aliases, func(who org.Address) bool { return listed[who.Key()] != nil })
		if i < 0 {
			return false
		}
		alias := e.Aliases[i]
		remarks = append(remarks, fmt.Sprintf("%s is not added, because their alias %s is an address of the "+
			"entry at %s", e.Email, alias, listed[alias.Key()].At.Source()))
		return true
	})
	outside := roster.MarkExternal(entries, r.Settings.AllowedDomains)
	if text, err = roster.Merge(o.merge, text, entries); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "People added to %s: %d. People who were listed already: %d.\n", shellword.Quote(o.merge),
		len(entries), before-len(entries))
	for _, who := range outside {
		remarks = append(remarks,
			fmt.Sprintf("%s is outside the allowed domains, so the new entry has external: true", who))
	}
	for _, remark := range remarks {
		fmt.Fprintf(a.stderr, "- %s\n", clean(remark))
	}
	a.reported = true
	_, err = a.stdout.Write(text)
	return err
}

// loadExisting returns the roster that import adds people to, and the text of the --merge file.
// Without --merge, the roster has no people, and the text is nil.
func (a *app) loadExisting(ctx context.Context, o importOptions) (*roster.Roster, []byte, error) {
	if a.sandbox.On {
		o.pin = "" // loadRoster also ignores the pin of the roster in a simulation
	}
	if o.merge == "" {
		return &roster.Roster{Organization: o.pin}, nil, nil
	}
	_, err := os.Stat(o.merge)
	if err == nil {
		err = checkReplaceable(o.merge) // a pipe could not be read twice
	}
	if err != nil {
		return nil, nil, withStep(stepMerge, fmt.Errorf("--merge %s: %w", o.merge, err))
	}
	a.rosters = []string{o.merge}
	if len(o.roster) > 0 {
		a.rosters = o.roster
	}
	r, err := a.loadRoster(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.Organization = cmp.Or(r.Organization, o.pin)
	isMerged := func(file string) bool { return isSameFile(file, o.merge) }
	if !slices.ContainsFunc(r.Files, isMerged) {
		return nil, nil, withStep(stepMerge, fmt.Errorf("--merge %s: this file is not part of the roster", o.merge))
	}
	text, err := readRosterText(o.merge)
	if err != nil {
		return nil, nil, withStep(stepReadRoster, fmt.Errorf("read roster: %w", err))
	}
	return r, text, nil
}
