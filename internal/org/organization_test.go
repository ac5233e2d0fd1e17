package org_test

import (
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

func TestOrganizationIs(t *testing.T) {
	t.Parallel()
	whole := org.Organization{ID: "0aBc", Name: " R&amp;D \u00c9quipe"}
	for name, tt := range map[string]struct {
		organization org.Organization
		pin          string
		want         bool
	}{
		"id":                       {whole, "0aBc", true},
		"id in capitals":           {whole, "0ABC", true},
		"name":                     {whole, "R&D \u00c9quipe", true},
		"name in lower case":       {whole, "r&d \u00e9quipe", true},
		"escaped name":             {whole, "R&amp;D \u00c9quipe ", true},
		"part of the name":         {whole, "R&D", false},
		"another id":               {whole, "0abd", false},
		"no pin":                   {whole, "", false},
		"no pin, and nothing else": {org.Organization{}, "", false},
		"no name, id":              {org.Organization{ID: "7"}, "7", true},
		"no id, name":              {org.Organization{Name: "Acme"}, "acme", true},
		"no id, no pin":            {org.Organization{Name: "Acme"}, "", false},
		"no name, no pin":          {org.Organization{ID: "7"}, "", false},
	} {
		if got := tt.organization.Is(tt.pin); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestInvitationStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[org.InvitationStatus]struct{ answered, unanswered bool }{
		org.StatusPending:   {false, true},
		org.StatusExpired:   {false, true},
		org.StatusAccepted:  {true, false},
		org.StatusDeclined:  {true, false},
		org.StatusCancelled: {true, false},
		org.StatusUnknown:   {false, false},
	} {
		if status.IsAnswered() != want.answered || status.IsUnanswered() != want.unanswered {
			t.Errorf("%s: answered %v, unanswered %v", status, status.IsAnswered(), status.IsUnanswered())
		}
	}
}

// TestExpiresAt: the server's date counts unless it is missing or before the invitation or mail was made.
func TestExpiresAt(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	guess := made.Add(org.InvitationLife)
	for name, tt := range map[string]struct {
		made, expires time.Time
		estimated     bool
		invitation    time.Time
		mail          time.Time
		isEstimate    bool
	}{
		"the server's date":     {made, made.Add(time.Hour), false, made.Add(time.Hour), made.Add(time.Hour), false},
		"an estimated date":     {made, made.Add(time.Hour), true, made.Add(time.Hour), made.Add(time.Hour), true},
		"no date":               {made, time.Time{}, false, guess, guess, true},
		"a date before the day": {made, made.Add(-time.Hour), false, guess, guess, true},
		"the same time":         {made, made, false, made, guess, true},
	} {
		if got := (org.Invitation{Created: tt.made, Expires: tt.expires}).ExpiresAt(); !got.Equal(tt.invitation) {
			t.Errorf("%s: the invitation expires at %v, want %v", name, got, tt.invitation)
		}
		m := org.Mail{At: tt.made, Expires: tt.expires, Estimated: tt.estimated}
		if got := m.ExpiresAt(); !got.Equal(tt.mail) || m.ExpiresEstimated() != tt.isEstimate {
			t.Errorf("%s: the mail expires at %v, want %v; estimated %v", name, got, tt.mail, m.ExpiresEstimated())
		}
	}
	if got := (org.Invitation{}).ExpiresAt(); !got.IsZero() {
		t.Errorf("without any date: %v", got)
	}
	if got := (org.Invitation{Expires: made}).ExpiresAt(); !got.Equal(made) {
		t.Errorf("without the time of creation: %v", got)
	}
}

func TestPinError(t *testing.T) {
	t.Parallel()
	acme, other := org.Organization{ID: "1", Name: "Acme"}, org.Organization{ID: "2", Name: "Other"}
	for name, tt := range map[string]struct {
		err       org.PinError
		ambiguous bool
		want      string
	}{
		"none": {org.PinError{Pin: "Acme"}, false,
			`the roster is for the organization "Acme", and the key shows none`},
		"another one": {org.PinError{Pin: "Acme", Have: []org.Organization{other}}, false,
			`the roster is for the organization "Acme", but the key belongs to "Other" (2)`},
		"two, and one of them is meant": {org.PinError{Pin: "Acme", Have: []org.Organization{acme, other}}, false,
			`the roster is for the organization "Acme", but the key belongs to "Acme" (1), "Other" (2)`},
		"two of one name": {org.PinError{Pin: "Acme", Have: []org.Organization{acme, {ID: "3", Name: "ACME"}}}, true,
			`the key shows several organizations of the name "Acme": "Acme" (1), "ACME" (3)`},
		"no line": {org.PinError{Have: []org.Organization{acme, other}}, false,
			`the key shows several organizations, "Acme" (1), "Other" (2), and the roster names none of them`},
		"no line, and names of spaces": {org.PinError{Have: []org.Organization{{ID: "4", Name: " "}, {ID: "5", Name: " "}}},
			false, `the key shows several organizations, " " (4), " " (5), and the roster names none of them`},
	} {
		if got := tt.err.Error(); got != tt.want || tt.err.IsAmbiguous() != tt.ambiguous {
			t.Errorf("%s: ambiguous %v, %s", name, tt.err.IsAmbiguous(), got)
		}
	}
}
