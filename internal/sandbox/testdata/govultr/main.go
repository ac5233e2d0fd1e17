// Command govultr calls the methods of govultr that concern an organization, and prints what each of
// them returned: one line of JSON for each call, or for each list with all its pages. TestRealClients
// builds it with several versions of govultr and compares the lines.
//
// The address and the key of the API are in VULTR_API_URL and VULTR_API_KEY.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/vultr/govultr/v3"
)

// keyTransport adds the key to each request.
type keyTransport struct{ key string }

func (t keyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+t.key)
	return http.DefaultTransport.RoundTrip(r)
}

var ctx = context.Background()

// call is the name of a call. Its methods print what the call returned.
type call string

func (c call) print(value any, err error) {
	line := struct {
		Call  call   `json:"call"`
		Value any    `json:"value,omitempty"`
		Error string `json:"error,omitempty"`
	}{Call: c, Value: value}
	if err != nil {
		line.Value, line.Error = nil, err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}

func (c call) printError(err error) { c.print(nil, err) }

func (c call) printObject(value any, _ *http.Response, err error) { c.print(value, err) }

// printList prints a list that has no pages.
func (c call) printList(value any, _ *govultr.Meta, _ *http.Response, err error) { c.print(value, err) }

// pageReader reads one page of a list.
type pageReader[T any] func(*govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error)

// list prints all pages of a list, with two rows on each, and returns the rows.
func list[T any](name call, read pageReader[T]) (rows []T) {
	var pages [][]T
	var totals []int
	for options := (&govultr.ListOptions{PerPage: 2}); ; {
		page, meta, _, err := read(options)
		if err != nil {
			name.print(nil, err)
			return nil
		}
		pages, totals, rows = append(pages, page), append(totals, meta.Total), append(rows, page...)
		if options.Cursor = meta.Links.Next; options.Cursor == "" {
			name.print(map[string]any{"pages": pages, "totals": totals}, nil)
			return rows
		}
	}
}

// withID returns a reader for a list that belongs to the object with this id.
func withID[T any](
	method func(context.Context, string, *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error), id string,
) pageReader[T] {
	return func(o *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error) { return method(ctx, id, o) }
}

// withoutID returns a reader for any other list.
func withoutID[T any](
	method func(context.Context, *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error),
) pageReader[T] {
	return func(o *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error) { return method(ctx, o) }
}

func main() {
	client := govultr.NewClient(&http.Client{Transport: keyTransport{os.Getenv("VULTR_API_KEY")}})
	if err := client.SetBaseURL(os.Getenv("VULTR_API_URL")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	o := client.Organization

	organizations := list("ListOrganizations", withoutID(o.ListOrganizations))
	organization := organizations[0].ID
	call("GetOrganization").printObject(o.GetOrganization(ctx, organization))
	call("Account.Get").printObject(client.Account.Get(ctx))

	invitations(o)
	users(client, organization)
	groups(o)
	access(o)
	notSimulated(client, organization)
}

func invitations(o govultr.OrganizationService) {
	first := ""
	for _, email := range []string{"di@example.com", "ed@example.com", "flo@example.com"} {
		request := &govultr.OrganizationInvitationReq{Email: email}
		request.Permissions.APIEnabled = first == ""
		made, _, err := o.CreateInvitation(ctx, request)
		call("CreateInvitation "+email).print(made, err)
		if first == "" && err == nil {
			first = made.ID
		}
	}
	list("ListInvitations", withoutID(o.ListInvitations))
	if first == "" {
		return // its answer could not be read
	}
	call("GetInvitation").printObject(o.GetInvitation(ctx, first))
	call("ResendInvitation").printObject(o.ResendInvitation(ctx, first))
	again := &govultr.OrganizationInvitationReq{Email: "di@example.com"}
	call("CreateInvitation again").printObject(o.CreateInvitation(ctx, again))
	call("GetInvitation none").printObject(o.GetInvitation(ctx, "none"))
}

func users(client *govultr.Client, organization string) {
	o, yes := client.Organization, true
	list("User.List", withoutID(client.User.List))
	call("User.Update").printError(client.User.Update(ctx, "ada", &govultr.UserReq{APIEnabled: &yes}))
	call("User.Get").printObject(client.User.Get(ctx, "ada"))
	call("SuspendUser").printError(o.SuspendUser(ctx, organization, "bob"))
	list("ListSuspendedUsers", withID(o.ListSuspendedUsers, organization))
	call("UnsuspendUser").printError(o.UnsuspendUser(ctx, organization, "bob"))
	list("ListSuspendedUsers, none", withID(o.ListSuspendedUsers, organization))
	call("DeleteUser").printError(o.DeleteUser(ctx, organization, "cy"))
	call("User.Get, deleted").printObject(client.User.Get(ctx, "cy"))
	list("User.List, one less", withoutID(client.User.List))
}

func groups(o govultr.OrganizationService) {
	request := &govultr.OrganizationGroupReq{Name: "ops", Description: "on call"}
	made, _, err := o.CreateGroup(ctx, request)
	call("CreateGroup").print(made, err)
	if err != nil {
		return
	}
	member := &govultr.OrganizationGroupMemberReq{UserID: "ada", Name: "Ada"}
	call("AddGroupMember").printError(o.AddGroupMember(ctx, made.ID, member))
	call("GetGroup").printObject(o.GetGroup(ctx, made.ID))
	request.Name = "on-call"
	call("UpdateGroup").printObject(o.UpdateGroup(ctx, made.ID, request))
	list("ListGroups", withoutID(o.ListGroups))
	list("ListUserGroups", withID(o.ListUserGroups, "ada"))
	list("ListCurrentUserGroups", withoutID(o.ListCurrentUserGroups))
	call("RemoveGroupMember").printError(o.RemoveGroupMember(ctx, made.ID, "ada"))
	list("ListUserGroups, removed", withID(o.ListUserGroups, "ada"))
	call("DeleteGroup").printError(o.DeleteGroup(ctx, made.ID))
	call("DeleteGroup again").printError(o.DeleteGroup(ctx, made.ID))
}

// access attaches and detaches the roles and policies of the test's organization. Bob is in the group "team".
func access(o govultr.OrganizationService) {
	list("ListRoles", withoutID(o.ListRoles))
	call("GetRole").printObject(o.GetRole(ctx, "viewer"))
	list("ListPolicies", withoutID(o.ListPolicies))
	call("GetPolicy").printObject(o.GetPolicy(ctx, "look"))

	call("AttachRolePolicy").printObject(o.AttachRolePolicy(ctx, "viewer", "look"))
	call("AttachRoleUser").printObject(o.AttachRoleUser(ctx, "viewer", "ada"))
	call("AttachRoleGroup").printObject(o.AttachRoleGroup(ctx, "viewer", "team"))
	call("AttachPolicyUser").printError(o.AttachPolicyUser(ctx, "pay", "ada"))
	call("AttachPolicyGroup").printError(o.AttachPolicyGroup(ctx, "pay", "team"))

	list("ListRolePolicies", withID(o.ListRolePolicies, "viewer"))
	list("ListRoleUsers", withID(o.ListRoleUsers, "viewer"))
	list("ListRoleGroups", withID(o.ListRoleGroups, "viewer"))
	list("ListPolicyUsers", withID(o.ListPolicyUsers, "pay"))
	list("ListPolicyGroups", withID(o.ListPolicyGroups, "pay"))
	call("ListGroupRoles").printList(o.ListGroupRoles(ctx, "team"))
	call("ListGroupPolicies").printList(o.ListGroupPolicies(ctx, "team"))
	for _, user := range []string{"ada", "bob"} {
		call("ListUserRoles " + user).printList(o.ListUserRoles(ctx, user, nil))
		call("ListUserPolicies " + user).printList(o.ListUserPolicies(ctx, user, nil))
	}
	call("ListCurrentUserRoles").printList(o.ListCurrentUserRoles(ctx, nil))
	call("ListCurrentUserPolicies").printList(o.ListCurrentUserPolicies(ctx, nil))

	call("DetachRolePolicy").printError(o.DetachRolePolicy(ctx, "viewer", "look"))
	call("DetachRoleUser").printError(o.DetachRoleUser(ctx, "viewer", "ada"))
	call("DetachRoleGroup").printError(o.DetachRoleGroup(ctx, "viewer", "team"))
	call("DetachPolicyUser").printError(o.DetachPolicyUser(ctx, "pay", "ada"))
	call("DetachPolicyGroup").printError(o.DetachPolicyGroup(ctx, "pay", "team"))
	call("DetachPolicyGroup again").printError(o.DetachPolicyGroup(ctx, "pay", "team"))
	list("ListRoleUsers, detached", withID(o.ListRoleUsers, "viewer"))
	list("ListPolicyGroups, detached", withID(o.ListPolicyGroups, "pay"))
	call("ListUserPolicies bob, detached").printList(o.ListUserPolicies(ctx, "bob", nil))
}

// notSimulated makes requests that the server does not simulate. Its answers say so.
func notSimulated(client *govultr.Client, organization string) {
	o := client.Organization
	call("CreateOrganization").printObject(o.CreateOrganization(ctx, &govultr.OrganizationReq{Name: "x"}))
	call("UpdateOrganization").printObject(o.UpdateOrganization(ctx, organization, &govultr.OrganizationReq{Name: "x"}))
	call("DeleteOrganization").printError(o.DeleteOrganization(ctx, organization))
	call("RestoreOrganization").printError(o.RestoreOrganization(ctx, organization))
	call("User.Create").printObject(client.User.Create(ctx, &govultr.UserReq{Email: "x@example.com"}))
	call("User.Delete").printError(client.User.Delete(ctx, "ada"))
	call("CreateRole").printObject(o.CreateRole(ctx, &govultr.OrganizationRoleReq{Name: "x"}))
	call("UpdateRole").printObject(o.UpdateRole(ctx, "viewer", &govultr.OrganizationRoleReq{Name: "x"}))
	call("DeleteRole").printError(o.DeleteRole(ctx, "viewer"))
	call("RestoreRole").printObject(o.RestoreRole(ctx, "viewer"))
	call("CreatePolicy").printObject(o.CreatePolicy(ctx, &govultr.OrganizationPolicyReq{Name: "x"}))
	call("UpdatePolicy").printObject(o.UpdatePolicy(ctx, "look", &govultr.OrganizationPolicyReq{Name: "x"}))
	call("DeletePolicy").printError(o.DeletePolicy(ctx, "look"))
	call("RestorePolicy").printObject(o.RestorePolicy(ctx, "look"))
	call("CreateRoleTrust").printObject(o.CreateRoleTrust(ctx, &govultr.OrganizationRoleTrustCreateReq{RoleID: "x"}))
	list("ListRoleTrusts", withoutID(o.ListRoleTrusts))
	call("CreateRoleSession").printObject(o.CreateRoleSession(ctx, &govultr.OrganizationRoleSessionReq{RoleID: "x"}))
	call("ListRoleSessions").printList(o.ListRoleSessions(ctx, "ada"))
}
