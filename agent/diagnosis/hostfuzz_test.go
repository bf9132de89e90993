package diagnosis

import (
	"encoding/json"
	"testing"

	"agentctl/probes"
)

// FuzzHost judges recorded states of a host that nothing vouches for.
func FuzzHost(f *testing.F) {
	for _, c := range append(hostCases, runCases...) {
		r := healthyRound()
		c.mod(r)
		state, err := json.Marshal(r.HostState)
		if err != nil {
			f.Fatal(err)
		}
		runs, err := json.Marshal(r.PatchRuns)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(state, runs)
	}
	f.Add([]byte(`{"python":{"known":true,"best":7},"manager":"dnf"}`), []byte(`{"runs":[{"end":"failed","signatures":[{"id":"x","fatal":true}]}]}`))
	f.Add([]byte(`{"os_support":{"state":"?"},"reboot":{"known":true,"pending":true,"reasons":[{"kind":"patching","detail":"7"}]}}`), []byte(`{"runs":[{"end":"interrupted","ended":"0001-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, state, runs []byte) {
		r := healthyRound()
		var s probes.HostState
		var p probes.PatchRuns
		if json.Unmarshal(state, &s) != nil || json.Unmarshal(runs, &p) != nil {
			return
		}
		r.HostState, r.PatchRuns = s, p
		honest(t, r, Diagnose(r))
	})
}
