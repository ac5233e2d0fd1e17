package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"
)

// aloneCommand is the argument with which this program starts itself to do one thing, so that the cost of this one
// thing can be measured.
const aloneCommand = "alone"

// alone does one thing: "measure" runs and measures a process, "nothing" does nothing, "open" opens a ledger, and
// "decode" decodes the answers of the API and the roster into plain structs with encoding/json and yaml.v3.
func alone(what string, paths []string) error {
	switch what {
	case "measure":
		return measureHere(paths[0], paths[1], paths[2:])
	case "nothing":
		return nil
	case "open":
		return openAlone(context.Background(), paths[0], paths[1])
	case "decode":
		return decodeAlone(paths[0], paths[1])
	}
	return fmt.Errorf("nothing is called %q", what)
}

// answers has every field of the API's lists that orgsync reads, with its documented name.
type answers struct {
	Users []struct {
		ID          string   `json:"id"`
		Name        string   `json:"name"`
		Email       string   `json:"email"`
		APIEnabled  bool     `json:"api_enabled"`
		ServiceUser bool     `json:"service_user"`
		Status      bool     `json:"status"`
		ACLs        []string `json:"acls"`
	} `json:"users"`
	Invitations []struct {
		ID          string `json:"id"`
		Invited     string `json:"email_invited"`
		Registered  string `json:"email_registered"`
		OrgID       string `json:"org_id"`
		OrgName     string `json:"org_name"`
		Status      string `json:"invite_status"`
		Permissions struct {
			APIEnabled bool `json:"api_enabled"`
		} `json:"permissions"`
		Created   time.Time `json:"date_created"`
		Expires   time.Time `json:"expiration_date"`
		Responded string    `json:"date_responded"`
	} `json:"invitations"`
	Groups []struct {
		ID      string   `json:"id"`
		Name    string   `json:"display_name"`
		Status  string   `json:"status"`
		Members []holder `json:"members"`
	} `json:"groups"`
	Members []holder `json:"members"`
	Meta    struct {
		Total int `json:"total"`
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
	} `json:"meta"`
}

type holder struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Email  string `json:"email"`
	Active bool   `json:"active"`
}

// decodeAlone decodes a roster and all answers in a folder, and keeps everything in memory as orgsync does.
func decodeAlone(roster, folder string) error {
	data, err := os.ReadFile(roster)
	if err != nil {
		return err
	}
	var r struct {
		Users []struct {
			Email  string   `yaml:"email"`
			Name   string   `yaml:"name"`
			Groups []string `yaml:"groups"`
		} `yaml:"users"`
	}
	if err := yaml.Unmarshal(data, &r); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	all := make([]answers, len(files))
	rows := 0
	for i, file := range files {
		if data, err = os.ReadFile(file); err != nil {
			return err
		}
		if err := json.Unmarshal(data, &all[i]); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		rows += len(all[i].Users) + len(all[i].Invitations)
	}
	if rows < len(r.Users) {
		return fmt.Errorf("the answers have %d rows for %d people", rows, len(r.Users))
	}
	return nil
}
