package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/git"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/shellword"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/vultr"
)

// errorWidth is the maximum width of one line of an error, in columns.
const errorWidth = 600

// clean makes text from outside safe to print, and cuts it to errorWidth columns.
func clean(text string) string { return printable.Clean(text, errorWidth) }

// usageError is an error in the arguments, flags or environment variables of a command.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// step is a part of a command. For many errors, the hint depends on the step in which the error
// happened rather than on the error.
type step int

const (
	stepReadKey step = iota + 1
	stepMakeClient
	stepReadRoster
	stepReadGit
	stepFindPerson
	stepSavePlan
	stepMerge
	stepRecord
	stepSandboxAction
	stepAdvance
	stepListen
	stepCompare
	stepInit
	stepReadCSV
	stepFormat
)

// stepError is an error with the step that it happened in.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// withStep returns err as a stepError; nil stays nil.
func withStep(s step, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{s, err}
}

// stepHint returns the hint for an error of a step; "" if the error itself says enough. An example is
// the error that a file is named twice.
func stepHint(atStep *stepError) string {
	missing := errors.Is(atStep, fs.ErrNotExist)
	denied := errors.Is(atStep, fs.ErrPermission)
	switch atStep.step {
	case stepReadKey:
		return "--api-key-file (ORGSYNC_API_KEY_FILE) must name a file that you may read, with only the key in it"
	case stepMakeClient:
		return "--api-url (VULTR_API_URL) must be https://HOST, or http:// for a server on this machine"
	case stepReadRoster:
		switch {
		case denied:
			return "let the user that runs orgsync read the file, or use --roster (ORGSYNC_ROSTER) to name a file that this " +
				"user may read"
		case missing:
			return "--roster (ORGSYNC_ROSTER) must name a file, or a folder of *.yaml and *.yml files; 'orgsync init' writes " +
				"a first roster, and 'orgsync import' makes one from the organization"
		}
	case stepReadGit:
		return "run orgsync inside the repository, and fetch the commit first (in GitHub Actions: fetch-depth: 0; in " +
			"GitLab: GIT_DEPTH: 0); 'git show REF:PATH' must show the file"
	case stepFindPerson:
		return "'orgsync status' without an address lists everybody in the roster"
	case stepSavePlan:
		if errors.Is(atStep, errNotPlan) || errors.Is(atStep, errNotRegular) {
			return "the existing file was not replaced; name another one with --out (ORGSYNC_OUT), as in --out plan.json"
		}
		return "--out (ORGSYNC_OUT) must name a file in an existing folder that you may write to"
	case stepMerge:
		return "--merge must name a file of the roster; if the roster has more files, name all of them with --roster"
	case stepRecord:
		return "--record (ORGSYNC_RECORD) must name a new or empty folder that you may write to"
	case stepSandboxAction:
		return "'orgsync sandbox show' lists the users and the invitations"
	case stepAdvance:
		return "'orgsync sandbox reset' starts over"
	case stepCompare:
		if missing || denied {
			return "OLD and NEW must be files that you may read, folders of *.yaml and *.yml files, or git:REF:PATH"
		}
	case stepInit:
		if errors.Is(atStep, fs.ErrExist) {
			return neverReplaces + "; name another roster, or move the existing file away"
		}
		if missing || denied {
			return "name a file in an existing folder that you may write to"
		}
	case stepFormat:
		if missing || denied {
			return "ROSTER must be files that you may write to, or folders of *.yaml and *.yml files"
		}
	case stepReadCSV:
		if is[*roster.ProblemsError](atStep) {
			return "fix the file and run again; it must begin with the names of the columns, as in email,name,groups, or be a " +
				"plain list of addresses"
		}
		if missing || denied || is[*fs.PathError](atStep) {
			return "--csv must name a file that you may read"
		}
	case stepListen:
		if errors.Is(atStep, syscall.EADDRINUSE) {
			return "another program listens there: stop it, or name another port with --listen (ORGSYNC_LISTEN); port 0 " +
				"picks a free one"
		}
		return "--listen (ORGSYNC_LISTEN) must be HOST:PORT on this machine; port 0 picks a free port"
	}
	return ""
}

var (
	errNoKey       = errors.New("there is no API key")
	errNotAccepted = errors.New("not confirmed: nothing was changed")
)

// printErrorAndHint writes err and its hint to stderr. For an invalid roster, it first writes each
// problem on its own line, unless stdout already shows the problems to people.
func (a *app) printErrorAndHint(err error) {
	line := err.Error()
	if invalid, ok := errors.AsType[*roster.ProblemsError](err); ok {
		if !a.reported {
			_ = document.WriteText(a.stderr, report.ProblemsDocument(invalid.Problems), 0, false)
		}
		what := "roster"
		if atStep, ok := errors.AsType[*stepError](err); ok && atStep.step == stepReadCSV {
			what = "CSV file"
		}
		line = "the " + what + " has " + document.Pluralize(len(invalid.Problems), "problem", "problems")
	}
	a.printMessage("orgsync: " + line)
	if hint := a.hint(err); hint != "" {
		a.printMessage("hint: " + hint)
	}
}

// printMessage writes text on stderr, folded to the width of the window.
func (a *app) printMessage(text string) {
	// Redact before the text is cut and folded: a part of a secret would no longer be recognized.
	text = a.secrets.Redact(printable.Clean(text, math.MaxInt))
	_ = document.Sentence(a.stderr, text, errorWidth, a.windowWidth(a.stderr))
}

// hint returns the hint for err; "" if the error itself says enough. The first case that matches
// decides. A variable that errors.As sets in one case stays set for the cases below.
func (a *app) hint(err error) string {
	var (
		problem    *state.Problem
		advised    *adviceError
		usage      *usageError
		limit      *plan.LimitError
		planFile   *planFileError
		pin        *org.PinError
		otherOrg   *apply.WrongOrganizationError
		atStep     *stepError
		lacking    *plan.UnknownAccessError
		locked     *state.LockedError
		unfinished *unfinishedError
		lost       *lostReportError
		call       *org.CallError
	)
	switch {
	case errors.As(err, &problem):
		return problem.Advice
	case errors.As(err, &advised):
		return advised.advice
	case errors.As(err, &usage):
		return fmt.Sprintf("'%s --help' shows its arguments and flags", usage.command)
	case errors.As(err, &limit):
		return fmt.Sprintf("review the plan; if this is intended, allow it for one run with %s %d, or permanently with "+
			"settings.%s in the roster", limit.Flag, limit.Planned, limit.Setting)
	case is[*plan.StaleError](err):
		return "save a new plan with 'orgsync plan --out' and review it; give apply the same --roster and --invite-left as " +
			"plan; apply reads --only, --resend and --reinvite from the saved plan"
	case errors.As(err, &planFile) && !isStopped(err):
		return a.planFileHint(planFile)
	case errors.As(err, &otherOrg):
		return "find out in Vultr's console which organization this key invites people to; when you have a key of the " +
			"right organization, run 'orgsync apply --reinvite " + shellword.Quote(otherOrg.To) + "'; if the roster no " +
			"longer lists this address, name another person"
	case errors.As(err, &pin) && pin.Pin == "":
		return "write the name or the id of the organization into the roster, in a line such as organization: NAME"
	case pin != nil && pin.IsAmbiguous():
		return "name the organization in the roster by its id"
	case pin != nil:
		return "use a key of the roster's organization, or fix the `organization` line of the roster"
	case errors.As(err, &atStep) && atStep.step == stepReadCSV && !isStopped(err):
		return stepHint(atStep)
	case is[*roster.ProblemsError](err) && !a.reported:
		hint := "fix the roster and run again"
		if a.has("api-url") {
			hint += "; 'orgsync validate' checks everything that can be checked without a key"
		}
		if a.isApply() {
			hint = "nothing was sent; " + hint
		}
		return hint
	case is[*plan.UnknownNameError](err):
		return stepHint(&stepError{stepFindPerson, err})
	case is[*plan.NeedsError](err):
		return "give the key's user the permission iam.user.*, or remove these settings from the roster"
	case errors.As(err, &lacking):
		return lackingHint(lacking) + "; 'orgsync apply' makes all other changes"
	case errors.Is(err, errUnformatted):
		return "to format them, run the same command without --check"
	case errors.As(err, &locked) && locked.ID != "":
		return "wait until the other run has ended, or allow more time with --lock-timeout; if that run has died, its lock " +
			"can be taken after 45 seconds, or at once after 'orgsync state unlock " + shellword.Quote(locked.ID) + "'"
	case locked != nil:
		return "wait until the other run has ended, or let this one wait with --lock-timeout 10m; the lock ends with its " +
			"process, so there is nothing to unlock by hand"
	case is[*state.LostError](err):
		return "run again to continue: finished changes are not repeated"
	case is[*otherStateError](err):
		return "two runs with different ledgers mail everybody twice: remove --state (ORGSYNC_STATE), or change the " +
			"roster's state"
	case is[*ledger.RetiredError](err):
		return "use the new place: name it with --state (ORGSYNC_STATE) in every job"
	case is[*signalError](err):
		if !a.isApply() { // there is nothing to continue
			return ""
		}
		return "run again to continue: nobody is mailed twice"
	case is[*timeoutError](err):
		if !a.isApply() {
			return "allow more time with --timeout"
		}
		return "run again to continue, or allow more time with --timeout"
	case errors.Is(err, errNoKey):
		if a.apiKeyFile != "" {
			return "write the key into that file; --api-key-file (ORGSYNC_API_KEY_FILE) takes precedence over VULTR_API_KEY"
		}
		return "set VULTR_API_KEY, or name a file with --api-key-file; to try without a key, add --sandbox"
	case errors.Is(err, errNobodyToList):
		return "write a roster by hand: the line 'users:', and below it '  - email: ADDRESS' for each person"
	case errors.Is(err, git.ErrNotInstalled):
		return "install git, or compare two files: orgsync diff OLD.yaml NEW.yaml"
	case errors.Is(err, errNotAccepted):
		return "answer y to apply the plan, or pass --yes"
	case is[*roster.LinkedStateError](err):
		return "write the whole path of the folder, or use --roster to name the file that the link points to"
	case errors.Is(err, org.ErrNoOrganizationID):
		return "name the organization in the roster by its id, as in organization: ID; if this is not enough, save the " +
			"answers of the API with 'orgsync doctor --record DIR' and report them"
	case errors.Is(err, reconcile.ErrOrganizationChanged), errors.Is(err, reconcile.ErrRosterChanged):
		return "run again and review the new plan"
	case errors.Is(err, vultr.ErrInvalidKey):
		if a.apiKeyFile != "" {
			return "--api-key-file (ORGSYNC_API_KEY_FILE) must name a file with only the key in it, on one line"
		}
		return "VULTR_API_KEY must be only the key, without quotes, spaces and line breaks"
	case is[*reconcile.StateError](err):
		return a.stateHint(err)
	case is[*sandbox.StateError](err):
		return sandboxHint(err)
	case errors.As(err, &unfinished) && unfinished.undone == 0 && unfinished.unsettled == 0 && unfinished.err == nil:
		// All changes were made. Only people or access in the notices are missing.
		var hints []string
		if unfinished.notInvited > 0 {
			hints = append(hints, "the notices say what to do for each person")
		}
		if errors.As(unfinished.missingAccess, &lacking) {
			hints = append(hints, lackingHint(lacking))
		}
		return strings.Join(hints, "; ")
	case errors.As(err, &lost) && lost.allDone:
		hint := "the changes are made, and the ledger has them: 'orgsync status' shows the result"
		if errors.Is(lost, syscall.ENOSPC) {
			hint = "free space on the disk that the output goes to; " + hint
		}
		return hint
	case errors.As(err, &call):
		return a.callHint(call)
	case unfinished != nil && unfinished.failed > 0:
		return "fix the cause of what failed, then run again: finished changes are not repeated"
	case unfinished != nil:
		return "run again in 20 minutes: finished changes are not repeated, and the outcome of the others is usually " +
			"known by then"
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the disk that the output goes to, and run again"
	case atStep != nil:
		return stepHint(atStep)
	}
	return ""
}

// isStopped reports whether err says that a signal or --timeout ended the run. This error says
// nothing about the file that was being read.
func isStopped(err error) bool { return is[*signalError](err) || is[*timeoutError](err) }

// isApply reports whether the running command is apply, the only command that sends mails.
func (a *app) isApply() bool { return a.command != nil && a.command.Name() == "apply" }

// has reports whether the running command has a flag. A hint must not name a flag that the command
// does not have.
func (a *app) has(flag string) bool { return a.command != nil && a.command.Flags().Lookup(flag) != nil }

// planFileHint returns the hint for an argument of apply that is not a plan.
func (a *app) planFileHint(e *planFileError) string {
	word := shellword.Quote(e.file)
	info, err := os.Stat(e.file)
	switch {
	case isCSVName(e.file):
		return "to make a roster of it: orgsync import --csv " + word
	case isRosterName(e.file), err == nil && info.IsDir():
		return a.adviseRoster(a.command, e.file, []string{e.file})
	case err != nil && looksLikeAddress(e.file):
		return "to act on one person: --only " + word
	case a.sandbox.On:
		return "PLANFILE must be a plan saved with 'orgsync plan --out'; to name the file of a simulation, write " +
			"--sandbox=FILE as one word"
	case errors.Is(e.err, fs.ErrPermission):
		return "PLANFILE must be a plan that you may read"
	}
	return "save a plan with 'orgsync plan --out FILE', and name that file"
}

// lackingHint returns the hint for names of the roster that the organization does not have.
func lackingHint(e *plan.UnknownAccessError) string {
	create := "in Vultr's console, create what is missing"
	if lists := createTexts(e.Missing); len(lists) > 0 {
		create = "in Vultr's console, " + strings.Join(lists, "; ")
	}
	return create + "; or correct the names in the roster"
}

// namesWidth is the maximum width of the names of one kind of access in a hint, in columns. The names of
// all kinds must leave room for the advice after them.
const namesWidth = 120

// createTexts returns a text for each kind of access in missing, such as
// `create these 2 groups: "everyone", "platform"`. If there are many names, the text only counts some.
func createTexts(missing []org.AccessName) []string {
	names := map[org.Kind][]string{}
	for _, m := range missing {
		names[m.Kind] = append(names[m.Kind], fmt.Sprintf("%q", printable.Clean(m.Name, namesWidth/2)))
	}
	var lists []string
	for _, kind := range org.Kinds {
		switch list := names[kind]; len(list) {
		case 0:
		case 1:
			lists = append(lists, fmt.Sprintf("create the %s %s", kind, list[0]))
		default:
			lists = append(lists, fmt.Sprintf("create these %d %s: %s", len(list), kind.Plural(), joinNames(list)))
		}
	}
	return lists
}

// joinNames joins names, and only counts those that do not fit into namesWidth.
func joinNames(names []string) string {
	text := names[0]
	for i, name := range names[1:] {
		if printable.Width(text)+printable.Width(name) > namesWidth {
			return fmt.Sprintf("%s and %d more", text, len(names)-1-i)
		}
		text += ", " + name
	}
	return text
}

// sandboxHint returns the hint for an error of the file with the simulation.
func sandboxHint(err error) string {
	switch {
	case errors.Is(err, sandbox.ErrNoSimulation):
		return "check the name of the file; 'orgsync apply --sandbox', 'orgsync sandbox serve' and 'orgsync sandbox reset' " +
			"make a simulation"
	case errors.Is(err, sandbox.ErrNotSimulation):
		return "name the file of a simulation with --sandbox=FILE, or with --file in 'orgsync sandbox'"
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the disk, and run again"
	case isUnwritable(err):
		return "the simulation keeps its state there; name a file that you may write to with --sandbox=FILE (in 'orgsync " +
			"sandbox': --file), or another folder with --state-dir"
	}
	return "the simulation keeps its state there; 'orgsync sandbox reset' starts over, with --file if the file has " +
		"another name"
}

// isUnwritable reports whether err means that the place cannot be written to.
func isUnwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrExist) ||
		errors.Is(err, syscall.ENOTDIR)
}

// stateHint returns the hint for an error of the ledger or its place.
func (a *app) stateHint(err error) string {
	isCopy := !a.has("state") // the arguments of 'state copy' name the places
	switch {
	case errors.Is(err, errNoStateFolder):
		return "set HOME, or use --state-dir (ORGSYNC_STATE_DIR) to name a folder that outlives the run"
	case errors.Is(err, state.ErrNoAnswer) && isCopy:
		return "check the network, and the places FROM and TO; then run again"
	case errors.Is(err, state.ErrNoAnswer):
		return "check the network, and the place of the ledger: --state (ORGSYNC_STATE), or state in the roster; then run " +
			"again"
	case is[*ledger.ContentError](err):
		return "the ledger remembers who was mailed: do not start with an empty ledger; use a version of orgsync that " +
			"is at least as new as the version that wrote the ledger, or restore a copy of the ledger"
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the disk: orgsync sends nothing that it cannot write to its ledger"
	case isUnwritable(err) && isCopy:
		return "FROM and TO must be folders that you may read and write to, or URLs"
	case isUnwritable(err):
		return "orgsync keeps its ledger there: let the user that runs it write to that folder; before the first run you " +
			"can name another one with --state-dir"
	}
	return "keep the ledger as it is, because it remembers who was mailed; fix the cause, and run again"
}

// callHint returns the hint for a failed call to the API.
func (a *app) callHint(call *org.CallError) string {
	var lookup *net.DNSError
	switch {
	case call.NotFromAPI && call.Status < 500:
		return "the answer does not look like one of the API: check --api-url (VULTR_API_URL) and " +
			"HTTPS_PROXY, and whether a firewall or a proxy refuses this machine"
	case call.Status == 401:
		return "the key was not accepted: check VULTR_API_KEY or --api-key-file, and in Vultr's console whether the key " +
			"exists and may be used from this IP address"
	case call.Status == 403:
		return "the key is not allowed to do this: its user must be the account's owner, or have the permissions " +
			"iam.invitation.* and iam.user.*; also iam.group.*, iam.role.* or iam.policy.* if the roster uses groups, roles " +
			"or policies"
	case call.Status == 404 && call.Target != "":
		return "the target of this request was deleted after orgsync read the organization: run again"
	case call.Status == 404:
		return "the API has no such path: check --api-url (VULTR_API_URL)"
	case call.Status == 429:
		return "too many requests for too long: lower --rate, or wait until other programs at this network address send " +
			"fewer requests"
	case call.Status >= 500:
		return "the problem is on the server's side: run again later"
	case isAtProxy(call):
		return "the proxy cannot be reached: check the network, and HTTPS_PROXY; NO_PROXY names the hosts that need no proxy"
	case errors.As(call, &lookup):
		return "the name of the API's host cannot be resolved: check the network, and --api-url (VULTR_API_URL)"
	case errors.Is(call, syscall.ECONNREFUSED):
		return "nothing listens at the API's address: check --api-url (VULTR_API_URL) and HTTPS_PROXY"
	case isTLS(call):
		return "no trusted connection: check --api-url (VULTR_API_URL); if a proxy intercepts TLS here, trust its " +
			"certificate authority (SSL_CERT_FILE)"
	case isTimeout(call):
		return "no answer in time: check the network, or allow more time with --request-timeout"
	case call.Failure == org.Unreadable:
		return "this is not how the API answers: check --api-url (VULTR_API_URL) and HTTPS_PROXY, and run 'orgsync " +
			"doctor'; if the list changed while it was read, run again"
	}
	if call.Status >= 400 {
		return "the API refused this request, for the reason above; --log-level debug shows every request"
	}
	return "run again later; --log-level debug shows every request"
}

// isAtProxy reports whether err is from the connection to a proxy. For this, net/http has an error of the
// package net with an operation of its own.
func isAtProxy(err error) bool {
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && operation.Op == "proxyconnect"
}

func isTLS(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || is[tls.AlertError](err) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") // net/http has no error type for it
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
