package report

import (
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

// ledgerLines returns lines of a ledger, with text from outside in them.
func ledgerLines() History {
	return History{OrganizationID: "o1", Filtered: true, Entries: []ledger.Entry{
		{Time: now, Run: "R1AAAAAAAAAA", Email: "ada@example.com", Action: ledger.Invite, Outcome: ledger.Sent,
			InvitationID: "i1"},
		{Time: now, Run: "R1AAAAAAAAAA", Email: "bob@example.com", Action: ledger.Invite, Outcome: ledger.Refused,
			Message: "=HYPERLINK(1) \x1b[31mno such mailbox"},
		{Time: now, Run: "R1AAAAAAAAAA", Email: "cyd@example.com", Action: ledger.Resend, Outcome: ledger.Unanswered},
		{Time: now.Add(time.Hour), Run: "R2", Email: "ada@example.com", Action: ledger.Action(org.EditGrant),
			Outcome: ledger.Sent, Object: "g1", Kind: org.KindGroup, Name: "platform"},
		{Time: now.Add(time.Hour), Run: "R2", Action: ledger.Action(org.FactUserGone), Object: "u7"},
	}}
}

// twoLedgers returns a place with two ledgers, one of which has moved and is locked.
func twoLedgers() State {
	return State{Location: state.Location{Kind: state.Folder, Path: "/var/lib/orgsync"},
		Organizations: []OrganizationState{
			{ID: "o1", Entries: 1, Inspection: state.Inspection{Place: "/var/lib/orgsync/o1", Bytes: 240}},
			{ID: "o2\x1b[2J", Entries: 1203, MovedTo: "s3://bucket/orgsync", Inspection: state.Inspection{
				Place: "/var/lib/orgsync/o2", Bytes: 301223, Held: true, ID: "k3jq5zt7w2ab", ObjectsSinceBase: 3,
				Holder: state.Holder{PID: 77, Host: "runner::error", Start: now}, Silent: 12 * time.Second,
				Notes: []string{"old objects are not deleted: the key may not delete objects"},
			}},
		}}
}
