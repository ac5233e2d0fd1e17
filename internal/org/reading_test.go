package org_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 6, 10, 12, minute, 0, 0, time.UTC) }
	user := func(id string, once, suspended bool) org.User {
		return org.User{ID: id, Email: org.MustParseAddress(id + "@example.com"), SeenOnce: once, Suspended: suspended}
	}
	invitation := func(id string, status org.InvitationStatus) org.Invitation {
		return org.Invitation{ID: id, Invited: org.MustParseAddress("ada@example.com"), Status: status, Created: at(0)}
	}
	once := func(i org.Invitation) org.Invitation {
		i.SeenOnce = true
		return i
	}
	group := func(holders ...string) []org.Access {
		all := map[string]string{}
		for _, holder := range holders {
			all[holder] = holder
		}
		return []org.Access{{Kind: org.KindGroup, ID: "g", Holders: all}}
	}
	first := org.Snapshot{
		Organization: org.Organization{ID: "o1"}, Now: at(2), PinConfirmed: true, Paged: true, UsersVisible: true,
		SuspendedVisible: true,
		Self:             org.MustParseAddress("self@example.com"), Access: group("u1"),
		Users: []org.User{user("u1", false, false), user("u2", false, false)},
		Invitations: []org.Invitation{invitation("i1", org.StatusPending), invitation("i2", org.StatusPending),
			invitation("", org.StatusPending)},
	}
	second := org.Snapshot{
		Now: at(1), UsersVisible: true, Access: group("u2"),
		Users: []org.User{user("u2", false, true), user("u3", false, false)},
		Invitations: []org.Invitation{invitation("i2", org.StatusAccepted), invitation("i3", org.StatusPending),
			invitation("", org.StatusPending)},
	}
	want := org.Snapshot{
		Organization: org.Organization{ID: "o1"}, Now: at(2), PinConfirmed: true, Paged: true, UsersVisible: true,
		Self: org.MustParseAddress("self@example.com"), Access: group("u2", "u1"),
		Users: []org.User{user("u2", false, true), user("u3", true, false), user("u1", true, false)},
		Invitations: []org.Invitation{
			invitation("i2", org.StatusAccepted), once(invitation("i3", org.StatusPending)),
			invitation("", org.StatusPending), once(invitation("i1", org.StatusPending)),
		},
	}
	compareAddresses := cmp.Comparer(func(a, b org.Address) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, first.Merge(second), compareAddresses); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if first.Users[0].SeenOnce || second.Users[1].SeenOnce || len(second.Access[0].Holders) != 1 {
		t.Error("a reading was changed")
	}
}

// TestMergeOfSuspensions: a user is suspended if one of the readings says so, because the other one may miss the
// user in the list of suspended users.
func TestMergeOfSuspensions(t *testing.T) {
	t.Parallel()
	active, suspended := org.User{ID: "u1"}, org.User{ID: "u1", Suspended: true, StatusText: "locked"}
	for _, readings := range [][]org.User{{active, suspended}, {suspended, active}, {suspended, suspended}} {
		got := org.Snapshot{Users: readings[:1]}.Merge(org.Snapshot{Users: readings[1:]}).Users
		if len(got) != 1 || !got[0].Suspended || got[0].StatusText != "locked" {
			t.Errorf("%+v: %+v", readings, got)
		}
	}
	got := org.Snapshot{Users: []org.User{active}}.Merge(org.Snapshot{Users: []org.User{active}}).Users
	if len(got) != 1 || got[0].Suspended {
		t.Errorf("twice active: %+v", got)
	}
}

// TestMergeOfOneID: invitations with the same id and different addresses are different invitations, as in a single
// reading. If the second reading misses one of them, the result still has it.
func TestMergeOfOneID(t *testing.T) {
	t.Parallel()
	ada := org.Invitation{ID: "1", Invited: org.MustParseAddress("ada@example.com"), Status: org.StatusPending}
	bob := org.Invitation{ID: "1", Invited: org.MustParseAddress("bob@example.com"), Status: org.StatusPending}
	first := org.Snapshot{Invitations: []org.Invitation{ada, bob}}
	got := first.Merge(org.Snapshot{Invitations: []org.Invitation{bob}}).Invitations
	ada.SeenOnce = true
	compareAddresses := cmp.Comparer(func(a, b org.Address) bool { return a.String() == b.String() })
	if diff := cmp.Diff([]org.Invitation{bob, ada}, got, compareAddresses); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
}

// TestMergeOfRenewal: if the second reading shows a later expiration date, only this reading has the renewed
// invitation.
func TestMergeOfRenewal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	before := org.Invitation{ID: "1", Invited: org.MustParseAddress("ada@example.com"), Expires: at}
	renewed := before
	renewed.Expires = at.Add(time.Hour)
	for later, want := range map[org.Invitation]bool{before: false, renewed: true} {
		first := org.Snapshot{Invitations: []org.Invitation{before}}
		got := first.Merge(org.Snapshot{Invitations: []org.Invitation{later}}).Invitations
		if len(got) != 1 || got[0].SeenOnce != want || !got[0].Expires.Equal(later.Expires) {
			t.Errorf("expires at %v: %+v", later.Expires, got)
		}
	}
}

// TestMergeOfAnswers: nobody takes an acceptance back, and a renewal makes a date later. So the version that shows it
// is the newer one, even if it comes from the first reading.
func TestMergeOfAnswers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	pending := org.Invitation{ID: "1", Invited: org.MustParseAddress("ada@example.com"), Status: org.StatusPending,
		Expires: at}
	accepted, renewed, declined, unreadable := pending, pending, pending, pending
	accepted.Status, renewed.Expires, declined.Status = org.StatusAccepted, at.Add(time.Hour), org.StatusDeclined
	unreadable.Expires, unreadable.DateUnreadable = time.Time{}, true
	longAccepted := accepted
	longAccepted.Responded = at.Add(-org.InvitationLife - 24*time.Hour)
	lately, again := accepted, renewed
	lately.Responded, again.Expires = at.Add(-time.Hour), at.Add(org.InvitationLife)
	undated := longAccepted
	undated.Expires = time.Time{}
	for _, tt := range []struct {
		name                string
		first, second, want org.Invitation
	}{
		{"accepted", accepted, pending, accepted},
		{"accepted, and a later date", accepted, renewed, accepted},
		{"accepted in the second reading", renewed, accepted, accepted},
		{"accepted long before, and sent again", longAccepted, renewed, renewed},
		{"sent again after an acceptance long before", renewed, longAccepted, renewed},
		{"accepted long before, and a row from before", longAccepted, pending, longAccepted},
		{"accepted long before, without its date of expiration", undated, renewed, undated},
		{"accepted an hour before, and sent again", lately, again, again},
		{"sent again after an acceptance an hour before", again, lately, again},
		{"accepted an hour after the invitation was sent again", lately, renewed, lately},
		{"renewed", renewed, pending, renewed},
		{"declined", pending, declined, declined},
		{"declined, and sent again", declined, pending, pending},
		{"a date that cannot be read", pending, unreadable, unreadable},
	} {
		first := org.Snapshot{Invitations: []org.Invitation{tt.first}}
		got := first.Merge(org.Snapshot{Invitations: []org.Invitation{tt.second}}).Invitations
		if len(got) != 1 || got[0].Status != tt.want.Status || !got[0].Expires.Equal(tt.want.Expires) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	yes, no := true, false
	for _, first := range []*bool{nil, &yes, &no} {
		s := org.Snapshot{Users: []org.User{{ID: "u1", Accepted: first}}}
		if got := s.Merge(org.Snapshot{Users: []org.User{{ID: "u1", Accepted: &no}}}).Users; got[0].Accepted != first {
			t.Errorf("a user who has accepted only in the first reading: %+v", got)
		}
	}
	gone := org.Snapshot{Users: []org.User{{ID: "u1", NotFound: true}}}
	for _, second := range []*bool{nil, &yes, &no} {
		other := org.Snapshot{Users: []org.User{{ID: "u1", Accepted: second}}}
		if got := gone.Merge(other).Users[0]; got.NotFound == (second == &yes) {
			t.Errorf("a user that the API does not have in the first reading: %+v", got)
		}
	}
}

// TestMergeOfOtherHolders: if one of the readings shows that somebody has a group, they have it.
func TestMergeOfOtherHolders(t *testing.T) {
	t.Parallel()
	ada := org.Snapshot{OtherHolders: []org.Address{org.MustParseAddress("ada@example.com")}}
	for _, merged := range []org.Snapshot{ada.Merge(org.Snapshot{}), org.Snapshot{}.Merge(ada)} {
		if len(merged.OtherHolders) != 1 || merged.OtherHolders[0].Key() != "ada@example.com" {
			t.Errorf("%v", merged.OtherHolders)
		}
	}
}

// TestMergeVisibility: what one reading confirms is confirmed. What one reading could not list counts as not listed.
func TestMergeVisibility(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} {
		for _, second := range []bool{false, true} {
			flags := func(b bool) org.Snapshot {
				return org.Snapshot{PinConfirmed: b, Paged: b, UsersVisible: b, SuspendedVisible: b}
			}
			got := flags(first).Merge(flags(second))
			either, both := first || second, first && second
			if got.PinConfirmed != either || got.Paged != either || got.UsersVisible != both || got.SuspendedVisible != both {
				t.Errorf("%v, then %v: %+v", first, second, got)
			}
		}
	}
}

func TestLater(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	for _, both := range [][2]time.Time{{now, now.Add(time.Second)}, {now.Add(time.Second), now}} {
		if got := org.Later(both[0], both[1]); !got.Equal(now.Add(time.Second)) {
			t.Errorf("the later one of %v is %v", both, got)
		}
	}
}
