package vultr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

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
// roster, "" if there is none. The documents only say that the key determines the organization, so
// this is the best that reading can find out; the answer to the first write confirms it.
//
// A pin that matches none of the organizations of the key, and several organizations without a pin,
// are an [*org.PinError].
func (c *Client) Identify(ctx context.Context, pin string) (org.Organization, error) {
	found, err := c.identify(ctx, pin, func() ([]org.Invitation, error) { return c.Invitations(ctx) })
	return found.is, err
}

// identity is the organization that the key acts on, as found with a pin; the zero identity is
// unknown.
type identity struct {
	pin string
	is  org.Organization
	// confirmed is true if the API named the organization, and false if only the pin does.
	confirmed bool
}

// identify finds the organization once and remembers it, because a key always acts on the same
// organization. It calls rows, for the invitations, only if the key may not see any organization.
func (c *Client) identify(ctx context.Context, pin string, rows func() ([]org.Invitation, error)) (identity, error) {
	var known identity
	select {
	case known = <-c.identity: // concurrent callers wait here
	case <-ctx.Done():
		return identity{}, call{op: organizations.op}.failed(org.NotSent, 0, "", ctx.Err())
	}
	defer func() { c.identity <- known }()
	if known.is.ID != "" && (pin == known.pin || pin == known.is.ID) {
		return known, nil
	}
	have, err := list(ctx, c, organizations)
	found, err := resolveOrganization(have, err, pin, rows)
	if err == nil {
		known = found
	}
	return found, err
}

// resolveOrganization chooses the organization from the list of organizations, or the error of
// reading that list.
func resolveOrganization(
	have []org.Organization, err error, pin string, rows func() ([]org.Invitation, error),
) (identity, error) {
	if err != nil && !IsHidden(err) {
		return identity{}, err
	}
	if len(have) > 0 {
		return chooseOrganization(have, pin)
	}
	listed, err := rows()
	if err != nil {
		return identity{}, err
	}
	have = OrganizationsIn(listed)
	switch {
	case len(have) == 1 && have[0].ID == "" && uuid().MatchString(pin):
		return identity{pin: pin, is: org.Organization{ID: strings.ToLower(pin), Name: have[0].Name}}, nil
	case len(have) > 0:
		return chooseOrganization(have, pin)
	case uuid().MatchString(pin):
		return identity{pin: pin, is: org.Organization{ID: strings.ToLower(pin)}}, nil
	case pin != "":
		return identity{}, fmt.Errorf("%w; name it by its id", &org.PinError{Pin: pin})
	}
	return identity{}, errors.New("the key shows no organization, neither in the list of organizations nor in an " +
		"invitation; name it by its id in the roster")
}

// IsUUID reports whether s has the form of the ids of organizations.
func IsUUID(s string) bool { return uuid().MatchString(s) }

// uuid matches the form of the ids of organizations in SPEC.
var uuid = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
})

// chooseOrganization returns the organization that matches pin, or the only one.
func chooseOrganization(have []org.Organization, pin string) (identity, error) {
	var fit []org.Organization
	for _, o := range have {
		if pin != "" && strings.EqualFold(o.ID, pin) {
			return identity{pin, o, true}, nil
		}
		if pin == "" || o.Is(pin) {
			fit = append(fit, o)
		}
	}
	if len(fit) != 1 {
		return identity{}, &org.PinError{Pin: pin, Have: have}
	}
	return identity{pin, fit[0], true}, nil
}

// checkSameOrganization returns an error if an invitation is for an organization other than o.
func checkSameOrganization(o org.Organization, pin string, invitations []org.Invitation) error {
	for _, other := range OrganizationsIn(invitations) {
		if o.ID != "" && other.ID != "" && !strings.EqualFold(other.ID, o.ID) {
			return &org.PinError{Pin: pin, Have: []org.Organization{o, other}}
		}
	}
	return nil
}

// OrganizationsIn returns the organizations of the invitations, without duplicates.
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
