package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

const (
	groups  = 20
	perPage = 500
)

// organization is an organization with its roster. Half of the people are users, each in one group. The others are
// invited.
type organization struct {
	people  int
	roster  string
	answers string   // the folder that has a file for each page of each list
	longest []string // the path and query of each page of the longest list
	pages   int      // how many pages all lists have, plus 1 for the account
	replay  *replay
}

// found makes an organization, and records all its lists.
func (b *bench) found(people int) (*organization, error) {
	simulated, err := sandbox.New(sandbox.Options{RateLimit: -1})
	if err != nil {
		return nil, err
	}
	id := simulated.World().Organization.ID
	ids := make([]string, groups)
	for i := range ids {
		g, err := simulated.AddGroup(sandbox.Group{Name: group(i)})
		if err != nil {
			return nil, err
		}
		ids[i] = g.ID
	}
	var users []sandbox.User
	for i := range people {
		if i%2 == 0 {
			users = append(users, sandbox.User{Email: email(i), Name: fmt.Sprintf("Person %d", i),
				Groups: []string{group(i / 2)}})
		} else if _, err := simulated.AddInvitation(sandbox.Invitation{Email: email(i)}); err != nil {
			return nil, err
		}
	}
	if err := simulated.AddUsers(users); err != nil {
		return nil, err
	}
	o := &organization{
		people: people,
		roster: filepath.Join(b.scratch, fmt.Sprintf("roster-%d.yaml", people)),
		replay: &replay{simulated: simulated, answers: map[string]*httptest.ResponseRecorder{}},
	}
	if err := writeRoster(o.roster, people, func(i int) string {
		return fmt.Sprintf("    groups: [%s]\n", group(i/2))
	}); err != nil {
		return nil, err
	}
	if o.answers, err = os.MkdirTemp(b.scratch, "answers-"); err != nil {
		return nil, err
	}
	paths := []string{"/v2/organizations", "/v2/users", "/v2/invitation", "/v2/groups", "/v2/organizations/" + id +
		"/suspended-users"}
	for _, id := range ids {
		paths = append(paths, "/v2/groups/"+id+"/members")
	}
	for _, path := range paths {
		if err := o.readAll(path); err != nil {
			return nil, err
		}
	}
	o.pages++
	o.replay.record("/v2/account")
	return o, nil
}

func group(i int) string { return fmt.Sprintf("group-%02d", i%groups) }

// readAll records all pages of the list under path.
func (o *organization) readAll(path string) error {
	var pages []string
	for cursor, first := "", true; first || cursor != ""; first = false {
		query := url.Values{"per_page": {strconv.Itoa(perPage)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		uri := path + "?" + query.Encode()
		r := o.replay.record(uri)
		var page answers
		if err := json.Unmarshal(r.Body.Bytes(), &page); err != nil || r.Code != http.StatusOK {
			return fmt.Errorf("read %s: status %d: %w", path, r.Code, err)
		}
		if err := os.WriteFile(filepath.Join(o.answers, fmt.Sprintf("%06d.json", o.pages)), r.Body.Bytes(),
			0o600); err != nil {
			return err
		}
		o.pages++
		pages = append(pages, uri)
		cursor = page.Meta.Links.Next
	}
	if len(pages) > len(o.longest) {
		o.longest = pages
	}
	return nil
}

// slowest returns how long it takes to read the longest list, page after page, without decoding it.
func (b *bench) slowest(o *organization, a *api) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	begin := time.Now()
	for _, uri := range o.longest {
		req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, a.url+uri, http.NoBody)
		if err != nil {
			return 0, err
		}
		res, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err = cmp.Or(err, res.Body.Close()); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}
