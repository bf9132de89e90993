package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/probes"
)

func jsonOf(t testing.TB, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteJSONFitsTheSchema(t *testing.T) {
	for _, s := range reporttest.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			got := jsonOf(t, s.Report)
			if err := reporttest.Validate(got); err != nil {
				t.Errorf("%v", err)
			}
			if bytes.Contains(got, []byte("null")) {
				t.Error("null in the document")
			}
			if i := bytes.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r <= 0x9f || r == '\u202e' }); i >= 0 {
				t.Errorf("a character that a terminal obeys at %d", i)
			}
			var back report.Report
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(got), string(jsonOf(t, &back))); d != "" {
				t.Errorf("not the same when read back:\n%s", d)
			}
		})
	}
}

func TestWriteJSONGolden(t *testing.T) {
	golden(t, "broken.json.golden", string(jsonOf(t, reporttest.Broken())))
}

func TestWriteJSONRefusesWhatIsNoNumber(t *testing.T) {
	r := reporttest.Healthy()
	r.Duration = math.NaN()
	if err := report.WriteJSON(&bytes.Buffer{}, r); err == nil {
		t.Error("NaN was written")
	}
}

func TestNormalizeLeavesTheReportAlone(t *testing.T) {
	r := reporttest.Broken()
	before := reporttest.Broken()
	report.Normalize(r).Targets[0].Steps[0].Detail = "changed"
	if d := cmp.Diff(before, r); d != "" {
		t.Error(d)
	}
}

// The schema refuses what the contract forbids.
func TestSchemaRefuses(t *testing.T) {
	for name, change := range map[string]func(*report.Report){
		"critical finding without evidence":    func(r *report.Report) { r.Findings[0].Evidence = nil },
		"critical finding without fix":         func(r *report.Report) { r.Findings[0].Fix = nil },
		"code that the contract does not know": func(r *report.Report) { r.Findings[0].Code = "gremlins" },
		"explanation that is no code":          func(r *report.Report) { r.Targets[1].ExplainedBy = "gremlins" },
		"severity":                             func(r *report.Report) { r.Findings[0].Severity = "fatal" },
		"finding without confidence":           func(r *report.Report) { r.Findings[0].Confidence = "" },
		"ready with a critical finding":        func(r *report.Report) { r.Verdict.State = diagnosis.Ready },
		"blocked without a critical finding":   func(r *report.Report) { r.Findings = nil },
		"ready with a warning":                 func(r *report.Report) { r.Findings[0].Severity, r.Verdict.State = diagnosis.Warning, diagnosis.Ready },
		"state of a target":                    func(r *report.Report) { r.Targets[0].State = "sideways" },
		"route":                                func(r *report.Report) { r.Targets[0].Route = "tunnel" },
		"phase":                                func(r *report.Report) { r.Targets[0].Steps[0].Phase = "icmp" },
		"reason":                               func(r *report.Report) { r.Targets[0].Steps[0].Reason = "bad luck" },
		"group":                                func(r *report.Report) { r.Targets[0].Group = "misc" },
		"negative duration":                    func(r *report.Report) { r.Targets[0].Steps[0].Duration = -1 },
		"capability of a finding":              func(r *report.Report) { r.Findings[0].Capabilities = []diagnosis.Capability{"coffee"} },
		"source of the region":                 func(r *report.Report) { r.Instance.Source = "guess" },
		"date of the data":                     func(r *report.Report) { r.DataDate = "July" },
		"schema":                               func(r *report.Report) { r.Schema = "agentctl/report/v2" },
		"degraded without a warning":           func(r *report.Report) { r.Findings, r.Verdict.State = nil, diagnosis.Degraded },
		"fix that says nothing":                func(r *report.Report) { r.Findings[0].Fix[0] = diagnosis.Fix{} },
	} {
		r := reporttest.Broken()
		change(r)
		if reporttest.Validate(jsonOf(t, r)) == nil {
			t.Errorf("accepted: %s", name)
		}
	}
	for _, doc := range []string{`{}`, `[]`, `{"schema":"agentctl/report/v1"}`, strings.Replace(string(jsonOf(t, reporttest.Broken())), "{", `{"extra":1,`, 1)} {
		if reporttest.Validate([]byte(doc)) == nil {
			t.Errorf("accepted: %.60s", doc)
		}
	}
}

// The closed sets of the schema are those of the code.
func TestSchemaEnums(t *testing.T) {
	for name, want := range map[string][]string{
		"reason":        names(probes.Reasons()),
		"group":         names(append(probes.Groups(), probes.GroupCustom)),
		"capability":    names(diagnosis.Capabilities()),
		"severity":      names([]diagnosis.Severity{diagnosis.Critical, diagnosis.Warning, diagnosis.Info}),
		"confidence":    names([]diagnosis.Confidence{diagnosis.Certain, diagnosis.Likely}),
		"verdict_state": names([]diagnosis.State{diagnosis.Ready, diagnosis.Degraded, diagnosis.Blocked, diagnosis.Unknown}),
		"state":         names([]probes.State{probes.Up, probes.Down, probes.Skipped, probes.Unknown}),
		"phase":         names([]probes.Phase{probes.PhaseDNS, probes.PhaseProxy, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP, probes.PhaseSigned}),
		"route": names([]probes.Route{probes.RouteInterface, probes.RouteCentral, probes.RouteGateway, probes.RouteNAT,
			probes.RouteInternet, probes.RouteProxy, probes.RouteUnknown}),
	} {
		got, err := reporttest.Enum(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-code +schema):\n%s", name, d)
		}
	}
	codes, err := reporttest.Enum("code")
	if err != nil || len(codes) < 100 {
		t.Errorf("%d codes, %v", len(codes), err)
	}
	for _, e := range diagnosis.Catalogue() {
		if !slices.Contains(codes, string(e.Code)) {
			t.Errorf("the schema does not know %s of the catalogue", e.Code)
		}
	}
}

func names[T ~string](in []T) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

// Every field of the types stands in the schema, required unless it may be left
// out, and the schema has no other.
func TestSchemaFields(t *testing.T) {
	var doc struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(report.SchemaJSON(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, typ := range map[string]reflect.Type{
		"":         reflect.TypeFor[report.Report](),
		"instance": reflect.TypeFor[report.Instance](),
		"os":       reflect.TypeFor[report.OS](),
		"verdict":  reflect.TypeFor[report.Verdict](),
		"finding":  reflect.TypeFor[diagnosis.Finding](),
		"evidence": reflect.TypeFor[diagnosis.Evidence](),
		"fix":      reflect.TypeFor[diagnosis.Fix](),
		"target":   reflect.TypeFor[report.Target](),
		"step":     reflect.TypeFor[probes.Step](),
		"check":    reflect.TypeFor[report.Check](),
		"advice":   reflect.TypeFor[report.Advice](),
	} {
		def := doc.object
		if name != "" {
			def = doc.Defs[name]
		}
		if def.Additional == nil || *def.Additional {
			t.Errorf("%q is not closed", name)
		}
		fields := 0
		for f := range typ.Fields() {
			key, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
			if key == "-" {
				continue
			}
			fields++
			if _, ok := def.Properties[key]; !ok {
				t.Errorf("%q has no property %q", name, key)
			}
			if optional := strings.Contains(opts, "omit"); slices.Contains(def.Required, key) == optional {
				t.Errorf("%q: %q is required: %t", name, key, !optional)
			}
		}
		if fields != len(def.Properties) {
			t.Errorf("%q has %d properties, the type %d fields", name, len(def.Properties), fields)
		}
	}
}

type object struct {
	Additional *bool                      `json:"additionalProperties"`
	Required   []string                   `json:"required"`
	Properties map[string]json.RawMessage `json:"properties"`
}
