package vultr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

var organizations = listing[org.Organization]{
	op:   "list organizations",
	path: "/v2/organizations",
	keys: []string{"organizations", "orgs"}, // SPEC, govultr
	decode: func(f fields) org.Organization {
		return org.Organization{ID: f.text("id"), Name: f.name("name")}
	},
}

// Identify returns the organization that the key acts on. pin is the key `organization` of the
// roster, "" if there is none. Identify looks at the list of organizations or, if the key may not
// read that list, at the invitations. If the key shows no organization, it returns pin, which must
// be an id. The documents only say that the API key determines the organization, so the result is
// not certain until the answer to the first write confirms it.
//
// The error is an [*org.PinError] if pin does not match exactly one of the organizations that the
// key shows, or if there is no pin and the key shows several organizations.
func (c *Client) Identify(ctx context.Context, pin string) (org.Organization, error) {
	found, err := c.identify(ctx, pin, func() ([]org.Invitation, error) { return c.Invitations(ctx) })
	return found.organization, err
}

// identity is the organization that the key acts on. The zero identity means that it is unknown.
type identity struct {
	pin          string // the pin with which the organization was found
	organization org.Organization
	confirmed    bool // the API named the organization, not only the pin
}

// identify finds the organization once and remembers it, because a key always acts on the same
// organization. It calls readInvitations only if the list of organizations is empty or may not be
// read.
func (c *Client) identify(
	ctx context.Context, pin string, readInvitations func() ([]org.Invitation, error),
) (identity, error) {
	var known identity
	select {
	case known = <-c.identity: // concurrent callers wait here
	case <-ctx.Done():
		return identity{}, call{op: organizations.op}.failed(org.NotSent, 0, "", ctx.Err())
	}
	defer func() { c.identity <- known }()
	if known.organization.ID != "" && (pin == known.pin || pin == known.organization.ID) {
		return known, nil
	}
	have, err := list(ctx, c, organizations)
	found, err := resolveOrganization(have, err, pin, readInvitations)
	if err == nil {
		known = found
	}
	return found, err
}

// resolveOrganization chooses the organization as Identify says. have and err are the result of
// reading the list of organizations.
func resolveOrganization(
	have []org.Organization, err error, pin string, readInvitations func() ([]org.Invitation, error),
) (identity, error) {
	if err != nil && !IsForbiddenOrMissing(err) {
		return identity{}, err
	}
	if len(have) > 0 {
		return chooseOrganization(have, pin)
	}
	invitations, err := readInvitations()
	if err != nil {
		return identity{}, err
	}
	have = OrganizationsIn(invitations)
	switch {
	case len(have) == 1 && have[0].ID == "" && org.IsUUID(pin):
		return identity{pin: pin, organization: org.Organization{ID: strings.ToLower(pin), Name: have[0].Name}}, nil
	case len(have) > 0:
		return chooseOrganization(have, pin)
	case org.IsUUID(pin):
		return identity{pin: pin, organization: org.Organization{ID: strings.ToLower(pin)}}, nil
	case pin != "":
		return identity{}, fmt.Errorf("%w; name it by its id", &org.PinError{Pin: pin})
	}
	return identity{}, errors.New("the key shows no organization, neither in the list of organizations nor in an " +
		"invitation; name it by its id in the roster")
}

// chooseOrganization returns the organization of have that matches pin. If pin is "", have must have
// only one. Any other case is an [*org.PinError].
func chooseOrganization(have []org.Organization, pin string) (identity, error) {
	var matches []org.Organization
	for _, o := range have {
		if pin != "" && strings.EqualFold(o.ID, pin) {
			return identity{pin, o, true}, nil
		}
		if pin == "" || o.Is(pin) {
			matches = append(matches, o)
		}
	}
	if len(matches) != 1 {
		return identity{}, &org.PinError{Pin: pin, Have: have}
	}
	return identity{pin, matches[0], true}, nil
}

// OrganizationsIn returns the organizations that the invitations name, without duplicates.
func OrganizationsIn(invitations []org.Invitation) []org.Organization {
	var have []org.Organization
	seen := map[string]bool{}
	for _, i := range invitations {
		if key := cmp.Or(strings.ToLower(i.OrgID), i.OrgName); key != "" && !seen[key] {
			seen[key] = true
			have = append(have, org.Organization{ID: i.OrgID, Name: i.OrgName})
		}
	}
	return have
}
