package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"agentctl/probes"
)

// say is the diagnosis of a healthy round that was changed so.
func say(t *testing.T, mod func(*probes.Round)) (*probes.Round, Diagnosis) {
	t.Helper()
	r := healthyRound()
	mod(r)
	r = recorded(t, settled(r))
	return r, Diagnose(r)
}

// text is all that a finding says.
func text(f Finding) string {
	s := f.Summary
	for _, e := range f.Evidence {
		s += "\n" + e.What + ": " + e.Value
	}
	for _, x := range f.Fix {
		s += "\n" + x.Text + "\n" + x.Command
	}
	return s
}

// TestRepoWords: each finding says what decides, and what would mend it.
func TestRepoWords(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  func(*probes.Round)
		want []string
		not  []string
	}{
		{"EPEL where there is no internet", do(epel(false), docker(true), fails(probes.Timeout, "epel", "docker-ce-stable"), internet(probes.Timeout)),
			[]string{"needs the internet: epel and docker-ce-stable", "in AWS (S3): amazonlinux and kernel-livepatch", "lies in S3 and works from here",
				"sudo dnf config-manager --set-disabled epel\n", "NAT gateway", "S3 bucket of yours", "dnf stops"}, []string{"--set-disabled epel docker"}},
		{"the same without S3", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout), func(r *probes.Round) {
			each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
		}), []string{"would be left, and do not work either"}, []string{"lies in S3 and works"}},
		{"EPEL with yum", do(yum, epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout)), []string{"sudo yum-config-manager --disable epel"}, nil},
		{"EPEL with dnf5", do(epel(false), docker(false), fails(probes.Timeout, "epel", "docker-ce-stable"), internet(probes.Timeout), func(r *probes.Round) { r.Host.OS.ID, r.Host.OS.Version = "fedora", "42" }),
			[]string{"sudo dnf config-manager setopt epel.enabled=0 docker-ce-stable.enabled=0"}, nil},
		{"EPEL skipped", do(epel(true), fails(probes.Timeout, "epel"), internet(probes.Timeout)),
			[]string{"no way to the internet", "Compliant", "needs the internet: epel", "lies in S3 and works from here"}, nil},
		{"Ubuntu's own", do(ubuntu, func(r *probes.Round) { fails(probes.Timeout, allRepos(r)...)(r) }, internet(probes.Timeout)), []string{"NAT gateway", "Acquire::http::Proxy"}, []string{"isable"}},
		{"Amazon Linux by its CDN", do(cdn, fails(probes.Timeout, "amazonlinux"), internet(probes.Timeout)), []string{"amazon-linux-repo-s3"}, []string{"--set-disabled"}},
		{"SUSE's third party", do(suse, func(r *probes.Round) {
			addRepo(r, probes.Repo{ID: "packman"}, "https://packman.example/repodata/repomd.xml", addrDocker)
		}, fails(probes.Timeout, "packman"), internet(probes.Timeout)), []string{"sudo zypper modifyrepo --disable packman"}, nil},
		{"plain http", do(ubuntu, func(r *probes.Round) { fails(probes.Timeout, allRepos(r)...)(r) }, internet(probes.OK)), []string{"80/tcp"}, nil},
		{"another region", do(farAway, internet(probes.Timeout)), []string{"S3 of eu-west-1", "echo us-east-1 | sudo tee /etc/dnf/vars/awsregion", "variable awsregion: eu-west-1"}, []string{"no S3 gateway endpoint"}},
		{"CentOS 7", do(centos7, noName(probes.NXDomain, "base", "updates")), []string{"vault.centos.org"}, nil},
		{"Red Hat's entitlement", do(rhel, func(r *probes.Round) { answers(refusal, allRepos(r)...)(r) }), []string{"billing product", "rhui-client-config", "identity document"}, nil},
		{"Ubuntu Pro's token", do(ubuntu, pro, answers(probes.HTTP{Reason: probes.Unauthorized, Status: 401}, proID)), []string{"pro attach", "HTTP 401"}, nil},
		{"SUSE's registration", do(suse, answers(probes.HTTP{Reason: probes.Unauthorized, Status: 401}, "SLES15-SP6-Updates")), []string{"registercloudguest"}, nil},
		{"a missing key", do(answers(s3Denied, "amazonlinux"), knownGood(probes.OK, "amazonlinux")), []string{"no policy is in the way", "variable releasever: 2023.12.20260817", "those updates are missing"}, []string{"endpoint's policy leaves"}},
		{"a policy, perhaps", answers(s3Denied, "amazonlinux", "kernel-livepatch"), []string{"S3 says the same of an object that is not there", "/core/mirrors/latest/x86_64/mirror.list"}, nil},
		{"Ubuntu's old release", do(ubuntu, func(r *probes.Round) { answers(notFound, allRepos(r)...)(r) }), []string{"old-releases.ubuntu.com"}, nil},
		{"Debian's old release", do(debian, answers(notFound, "deb.debian.org/debian stretch")), []string{"archive.debian.org"}, nil},
		{"DNS over TCP", do(epel(false), noName(probes.Truncated, "epel")), []string{"53/tcp"}, nil},
		{"by hand, not by the proxy", do(epel(false), func(r *probes.Round) {
			proxied(of(r, "repo:epel"), "http://10.0.1.60:3128", "unit", probes.ProxyDenied, 403)
			repoOf(r, "epel").Direct = probes.OK
		}), []string{"run by hand does too", "no_proxy=" + epelHost}, nil},
		{"a proxy of its own", do(epel(false), func(r *probes.Round) {
			repoOf(r, "epel").Repo.Proxy = "http://u:secret@10.0.1.61:3128"
			proxied(of(r, "repo:epel"), "http://***@10.0.1.61:3128", "/etc/yum.repos.d/epel.repo", probes.ProxyUnreachable, 0)
		}), []string{"dnf (for epel)", "/etc/yum.repos.d/epel.repo"}, []string{"restart"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := say(t, c.mod)
			if len(d.Findings) == 0 {
				t.Fatal("nothing is said")
			}
			said := ""
			for _, f := range d.Findings {
				said += text(f) + "\n"
			}
			for _, w := range c.want {
				if !strings.Contains(said, w) {
					t.Errorf("does not say %q:\n%s", w, said)
				}
			}
			for _, w := range c.not {
				if strings.Contains(said, w) {
					t.Errorf("says %q:\n%s", w, said)
				}
			}
		})
	}
}

// TestRepoSeverities: severity, confidence and what a user loses.
func TestRepoSeverities(t *testing.T) {
	for _, c := range []struct {
		name       string
		mod        func(*probes.Round)
		severity   Severity
		confidence Confidence
		scan       State
	}{
		{"EPEL needed, no internet", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout)), Critical, Certain, Blocked},
		{"EPEL needed, nobody knows of the internet", do(epel(false), fails(probes.Timeout, "epel")), Critical, Likely, Blocked},
		{"EPEL not needed, no internet", do(epel(true), fails(probes.Timeout, "epel"), internet(probes.Timeout)), Warning, Certain, Degraded},
		{"a mirror in the VPC is silent", do(mirror(addrMirror), fails(probes.Timeout, "corp"), internet(probes.Timeout)), Critical, Certain, Blocked},
		{"EPEL intercepted", do(epel(false), untrusted("CN=Corporate Inspection CA,O=Example", "epel")), Critical, Likely, Blocked},
		{"dnf leaves a file out", func(r *probes.Round) {
			r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 3, Text: "no section header"}}
		}, Warning, Certain, Degraded},
		{"dnf leaves out what was all", func(r *probes.Round) {
			r.Repos, r.RepoConfig.Repos = nil, nil
			r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 3, Text: "no section header"}}
		}, Critical, Certain, Blocked},
		{"dnf passes over a section without an address", noAddress(true, false), Warning, Certain, Degraded},
		{"a section without an address stops dnf", noAddress(false, false), Critical, Certain, Blocked},
		{"the distribution's own has no address", noAddress(true, true), Critical, Certain, Blocked},
		{"403 from S3, a policy for sure", do(answers(s3Denied, "amazonlinux"), knownGood(probes.AccessDenied, "amazonlinux")), Critical, Certain, Blocked},
		{"403 from S3, a policy by likelihood", answers(s3Denied, "amazonlinux", "kernel-livepatch"), Critical, Likely, Blocked},
		{"old TLS and yum", do(yum, mirror(addrMirror), handshake(probes.ProtocolVersion, "corp")), Warning, Likely, Degraded},
		{"post-quantum", do(epel(false), handshake(probes.HandshakeReset, "epel", exp(probes.ExpNoMLKEM, probes.OK))), Warning, Certain, Degraded},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := say(t, c.mod)
			if len(d.Findings) != 1 {
				t.Fatalf("%d findings: %+v", len(d.Findings), d.Findings)
			}
			f := d.Findings[0]
			if f.Severity != c.severity || f.Confidence != c.confidence {
				t.Errorf("%s is %s and %s, want %s and %s", f.Code, f.Severity, f.Confidence, c.severity, c.confidence)
			}
			if d.Capabilities[PatchScan] != c.scan || d.Capabilities[PatchInstall] != c.scan || d.Capabilities[SSMManaged] != Ready {
				t.Errorf("capabilities %v, want scan and install %s", d.Capabilities, c.scan)
			}
		})
	}
}

// TestOneFindingForManyRepos: what fails alike is one finding, which lists them all.
func TestOneFindingForManyRepos(t *testing.T) {
	_, d := say(t, do(many(30), func(r *probes.Round) {
		for _, id := range allRepos(r)[2:] {
			answers(broken, id)(r)
		}
	}))
	if len(d.Findings) != 1 || len(d.Findings[0].Targets) != 30 || len(d.Findings[0].Evidence) > 12 {
		t.Fatalf("%d findings: %+v", len(d.Findings), d.Findings)
	}
}

// TestExplainedRepos: a fault that others have too takes along what is not required.
func TestExplainedRepos(t *testing.T) {
	for _, c := range []struct {
		name, target string
		mod          func(*probes.Round)
		want         Code
	}{
		{"a dead resolver", "repo:epel", do(epel(true), deadResolver), "dns-resolver-unreachable"},
		{"nothing leaves", "repo:epel", do(epel(true), every, internet(probes.Timeout)), "egress-blocked"},
		{"no internet, and another needs it", "repo:epel", do(epel(true), docker(false), fails(probes.Timeout, "epel", "docker-ce-stable"), internet(probes.Timeout)), "internet-required"},
		{"the same server refuses another", "repo:extra", do(mirror(addrMirror), func(r *probes.Round) {
			addRepo(r, probes.Repo{ID: "extra"}, "https://mirror.corp.example/extra/repodata/repomd.xml", addrMirror)
		}, answers(refusal, "corp", "extra")), "repo-access-denied"},
		{"another server refuses another", "repo:epel", do(mirror(addrMirror), epel(true), answers(refusal, "corp", "epel")), "repo-skipped-silently"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := say(t, c.mod)
			if got := d.ExplainedBy[c.target]; got != c.want {
				t.Errorf("explained by %q, want %q", got, c.want)
			}
		})
	}
}

// TestRepoVerdict: what could not be asked at all is unknown; what may not be read is
// not.
func TestRepoVerdict(t *testing.T) {
	unknown := func(change func(*probes.RepoResult)) func(*probes.Round) {
		return func(r *probes.Round) {
			rr := repoOf(r, "amazonlinux")
			rr.Reason, rr.Result.State, rr.Result.Steps = probes.SkippedReason, probes.Unknown, nil
			change(rr)
		}
	}
	for _, c := range []struct {
		name string
		mod  func(*probes.Round)
		want State
	}{
		{"a transport of its own", unknown(func(rr *probes.RepoResult) { rr.Repo.Unprobed = "a transport of its own" }), Unknown},
		{"a proxy that only a command knows", unknown(func(rr *probes.RepoResult) { rr.Repo.ProxyUnknown = "a command" }), Unknown},
		{"the round was cut short", unknown(func(rr *probes.RepoResult) { rr.Reason = probes.Canceled }), Unknown},
		{"not required", do(unknown(func(rr *probes.RepoResult) { rr.Reason, rr.Result.Target.Required = probes.Canceled, false })), Ready},
		{"an authority's file that may not be read", do(func(r *probes.Round) { r.Host.Privileged = false }, unknown(func(*probes.RepoResult) {})), Ready},
		{"credentials that may not be read", unknown(func(rr *probes.RepoResult) {
			rr.Result.Steps = []probes.Step{{Phase: probes.PhaseHTTP, State: probes.Unknown, Reason: probes.SkippedReason}}
		}), Ready},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := say(t, c.mod)
			if d.State != c.want {
				t.Errorf("state %s, want %s: %+v", d.State, c.want, d.Findings)
			}
		})
	}
}

// TestRepoCommandsAreSafe: names of repositories, files and addresses are others'
// words, and never more than a word in a command.
func TestRepoCommandsAreSafe(t *testing.T) {
	const evil = "x; rm -rf / #$(id)`id`'"
	mods := map[string]func(*probes.Round){
		"silent":    fails(probes.Timeout, evil),
		"refused":   fails(probes.Refused, evil),
		"no name":   noName(probes.NXDomain, evil),
		"denied":    answers(refusal, evil),
		"not there": answers(notFound, evil),
		"page":      answers(page, evil),
		"alert":     handshake(probes.TLSAlert, evil),
		"untrusted": untrusted("CN="+evil, evil),
		"no file": func(r *probes.Round) {
			repoFails(r, evil, probes.Unauthorized, evil)
			repoOf(r, evil).Certificate = probes.CertificateMissing
		},
	}
	for _, manager := range []string{"dnf", "yum", "apt", "zypper"} {
		for name, mod := range mods {
			for _, required := range []bool{true, false} {
				t.Run(fmt.Sprint(manager, " ", name, " ", required), func(t *testing.T) {
					_, d := say(t, do(func(r *probes.Round) {
						r.RepoConfig.Manager = manager
						addRepo(r, probes.Repo{ID: evil, Required: required, Skip: !required, File: "/etc/" + evil, Line: 4, ClientCert: "/" + evil, CAFile: "/" + evil, ClientKey: "/" + evil, Own: false},
							"https://mirror.example/"+evil, addrEPEL)
						r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/" + evil, Line: 3, Text: evil}}
					}, mod, internet(probes.Timeout)))
					for _, f := range d.Findings {
						for _, x := range f.Fix {
							if strings.Contains(x.Command, "rm -rf") || strings.Contains(x.Command, "$(id)") {
								t.Errorf("%s: %s", f.Code, x.Command)
							}
						}
					}
				})
			}
		}
	}
}

// TestNoPublicCertificateIsInspected: whose roots are not known, of that nothing is
// said.
func TestNoPublicCertificateIsInspected(t *testing.T) {
	_, d := say(t, do(epel(false), docker(true)))
	if len(d.Findings) != 0 {
		t.Errorf("%+v", d.Findings)
	}
}

// TestBackoffBesideRepositories: the SSM Agent's paths have nothing to do with EPEL's.
func TestBackoffBesideRepositories(t *testing.T) {
	for name, mod := range map[string]func(*probes.Round){
		"a repository could not be asked": change("amazonlinux", func(rr *probes.RepoResult) { rr.Result.State, rr.Reason = probes.Unknown, probes.Canceled }),
		"a repository's path is bad":      do(epel(false), handshake(probes.HandshakeTimeout, "epel", exp(probes.ExpClamp, probes.OK))),
	} {
		t.Run(name, func(t *testing.T) {
			_, d := say(t, do(mod, func(r *probes.Round) {
				r.Agent.Log = probes.AgentLog{Known: true, Sleep: &probes.LogSleep{Since: noon, Until: noon.Add(hour)}}
			}))
			if !slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Code == "ssm-agent-backoff" }) {
				t.Errorf("%+v", d.Findings)
			}
		})
	}
}

func TestS3Region(t *testing.T) {
	for host, want := range map[string]string{
		alBucket: "us-east-1", "s3.eu-west-1.amazonaws.com": "eu-west-1", "b.s3-us-west-2.amazonaws.com": "us-west-2", "s3-fips.us-gov-west-1.amazonaws.com": "us-gov-west-1",
		"b.s3.cn-north-1.amazonaws.com.cn": "cn-north-1", "b.s3.amazonaws.com": "", "mirror.corp.example": "", "s3.wasabi.example": "", "b.s3.dualstack.ap-southeast-5.amazonaws.com": "ap-southeast-5",
	} {
		if got := s3Region(host); got != want {
			t.Errorf("%s lies in %q, want %q", host, got, want)
		}
	}
}

// yum has Amazon Linux 2's package manager.
func yum(r *probes.Round) {
	r.Host.OS.Version, r.RepoConfig.Manager = "2", "yum"
	for i := range r.Repos {
		r.Repos[i].Repo.Manager, r.RepoConfig.Repos[i].Manager = "yum", "yum"
	}
}

// debian has Debian's own repository alone.
func debian(r *probes.Round) {
	r.Host.OS.ID, r.Host.OS.Version = "debian", "9"
	r.Repos, r.RepoConfig = nil, probes.RepoConfig{Known: true, Manager: "apt"}
	addRepo(r, probes.Repo{ID: "deb.debian.org/debian stretch", Own: true, Required: true, File: "/etc/apt/sources.list", Line: 1}, "http://deb.debian.org/debian/dists/stretch/InRelease", addrDocker)
}

// many adds repositories of one server.
func many(n int) func(*probes.Round) {
	return func(r *probes.Round) {
		for i := range n {
			id := fmt.Sprintf("team-%02d", i)
			addRepo(r, probes.Repo{ID: id, Required: true}, "https://mirror.corp.example/"+id+"/repodata/repomd.xml", addrMirror)
		}
	}
}
