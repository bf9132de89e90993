package hostcheck

import (
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"agentctl/probes"
)

//go:embed data/os.csv
var osCSV string

// osEntry is one line of the table.
type osEntry struct {
	id, version, name string
	listed            bool
	ends, extended    time.Time
	extendedName      string
}

// osTable is the table and its date.
type osTable struct {
	date    string
	entries []osEntry
}

// supportSource is what the table was made of.
const supportSource = "AWS Systems Manager User Guide, Patch Manager prerequisites; vendors' lifecycle pages"

var readTable = sync.OnceValue(func() osTable {
	t, err := parseOSTable(osCSV)
	if err != nil {
		panic(err) // the table is part of the program, and a test reads it
	}
	return t
})

// TableDate is the date of the table of operating systems, as 2006-01-02.
func TableDate() string { return readTable().date }

func parseOSTable(text string) (osTable, error) {
	var t osTable
	for line := range strings.Lines(text) {
		if d, ok := strings.CutPrefix(line, "# date: "); ok {
			t.date = strings.TrimSpace(d)
		}
	}
	c := csv.NewReader(strings.NewReader(text))
	c.Comment = '#'
	c.FieldsPerRecord = 7
	rows, err := c.ReadAll()
	if err != nil {
		return t, err
	}
	if len(rows) < 2 {
		return t, errForm
	}
	for _, row := range rows[1:] {
		e := osEntry{id: row[0], version: row[1], name: row[2], listed: row[3] == "yes", extendedName: row[6]}
		for i, to := range []*time.Time{&e.ends, &e.extended} {
			if row[4+i] == "" {
				continue
			}
			if *to, err = time.Parse(time.DateOnly, row[4+i]); err != nil {
				return t, fmt.Errorf("%s %s: %w", e.id, e.version, err)
			}
		}
		t.entries = append(t.entries, e)
	}
	if _, err := time.Parse(time.DateOnly, t.date); err != nil || len(t.entries) == 0 {
		return t, fmt.Errorf("table has no date or no entries: %w", err)
	}
	return t, nil
}

// osAliases are other names for the same system.
var osAliases = map[string]string{"sles_sap": "sles", "oracle": "ol", "redhat": "rhel"}

// support compares the release with the table.
func (r *reader) support() probes.OSSupport {
	t := readTable()
	os := r.facts.OS
	s := probes.OSSupport{State: probes.SupportUnknown, ID: show(os.ID), Version: show(os.Version), TableDate: t.date, Source: supportSource}
	id := os.ID
	if a := osAliases[id]; a != "" {
		id = a
	}
	if id == "" {
		return s
	}
	var e *osEntry
	newest := "" // of those on Patch Manager's list
	known := false
	for i := range t.entries {
		if t.entries[i].id != id {
			continue
		}
		known = true
		v := t.entries[i].version
		if t.entries[i].listed && (newest == "" || compareVersions(v, newest) > 0) {
			newest = v
		}
		if (os.Version == v || strings.HasPrefix(os.Version, v+".")) && (e == nil || len(v) > len(e.version)) {
			e = &t.entries[i]
		}
	}
	if e != nil {
		s.Name, s.Listed, s.Ends, s.Extended, s.ExtendedName = e.name, e.listed, e.ends, e.extended, e.extendedName
	}
	switch {
	case !known:
		s.State = probes.SupportNo
		return s
	case os.Version == "":
		return s
	case compareVersions(os.Version, newest) > 0 && (e == nil || !e.listed):
		// Newer than the newest on our copy of the list: the list may know it by now.
		s.State = probes.SupportNewer
		return s
	case e == nil || !e.listed:
		s.State = probes.SupportNo
		return s
	}
	s.State = probes.SupportYes
	if over(s.Ends, r.now) {
		s.State = probes.SupportEnded
		r.extended(&s, id)
		if s.ExtendedActive != nil && *s.ExtendedActive && !over(s.Extended, r.now) {
			s.State = probes.SupportYes
		}
	}
	return s
}

// over tells whether a last day has passed.
func over(last, now time.Time) bool {
	return !last.IsZero() && now.After(last.AddDate(0, 0, 1))
}

// proStatus is what Ubuntu's Pro client last knew of itself; anyone may read it.
const proStatus = "/var/lib/ubuntu-advantage/status.json"

// ltss are the product files of SUSE's extended support.
var ltss = []string{products + "/SLES-LTSS.prod", products + "/SLES_SAP-LTSS.prod"}

// extended looks for signs that this host has the extended support.
func (r *reader) extended(s *probes.OSSupport, id string) {
	switch id {
	case "ubuntu":
		data, ok := r.text(proStatus, maxTable)
		if !ok {
			return
		}
		if data == nil {
			// No Pro client: it cannot be attached.
			s.ExtendedActive, s.ActiveSource = ptr(false), proStatus+" is absent"
			return
		}
		var status struct {
			Attached bool `json:"attached"`
			Services []struct {
				Name, Status string
			} `json:"services"`
		}
		if err := json.Unmarshal(data, &status); err != nil {
			r.note(proStatus, errForm)
			return
		}
		active := false
		for _, v := range status.Services {
			active = active || v.Name == "esm-infra" && v.Status == "enabled"
		}
		s.ExtendedActive, s.ActiveSource = ptr(status.Attached && active), proStatus
	case "sles":
		r.extendedSLES(s)
	}
}

// products has a file for each product that is installed.
const products = "/etc/products.d"

// extendedSLES: LTSS is a product of its own. Without any product's file there is
// nothing to go by.
func (r *reader) extendedSLES(s *probes.OSSupport) {
	for _, name := range ltss {
		if r.exists(name) {
			s.ExtendedActive, s.ActiveSource = ptr(true), name
			return
		}
	}
	entries, err := r.host.ReadDir(products, maxEntries)
	if err != nil && !absent(err) {
		r.note(products, err)
		return
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".prod") {
			s.ExtendedActive, s.ActiveSource = ptr(false), products+" has no LTSS"
			return
		}
	}
}
