package diagnosis

import (
	"fmt"
	"slices"
	"strings"
)

// unit is the SSM Agent's service name on this machine.
func (v *view) unit() string {
	if n := v.r.Agent.Unit.Name; n != "" {
		return paste(strings.TrimSuffix(n, ".service"), "amazon-ssm-agent")
	}
	if v.r.Agent.Package == "snap" {
		return "snap.amazon-ssm-agent.amazon-ssm-agent"
	}
	return "amazon-ssm-agent"
}

// dropIn writes one variable into the environment of the SSM Agent's unit. A name
// that sorts last lets it win over other drop-ins.
func (v *view) dropIn(name, variable string) string {
	dir := "/etc/systemd/system/" + v.unit() + ".service.d"
	return "sudo mkdir -p " + dir + "\nprintf '[Service]\\nEnvironment=\"" + variable + "\"\\n' | sudo tee " + dir + "/" + name + ".conf\nsudo systemctl daemon-reload"
}

// thenRestart: after a fix the agent may sleep in its backoff for up to an hour.
func (v *view) thenRestart() Fix {
	f := v.restartNow()
	f.Text = "then restart the SSM Agent, or it may wait up to an hour before it tries again"
	return f
}

func (v *view) restartNow() Fix {
	if v.ids.windows {
		return Fix{"restart the SSM Agent", "Restart-Service AmazonSSMAgent"}
	}
	return Fix{"restart the SSM Agent", "sudo systemctl restart " + v.unit()}
}

func fixAgentLog() Fix {
	return Fix{"if it does not help, read what it says", "sudo tail -n 50 /var/log/amazon/ssm/amazon-ssm-agent.log"}
}

func fixInstallAgent(v *view) []Fix {
	cmd := "sudo dnf install -y amazon-ssm-agent && sudo systemctl enable --now amazon-ssm-agent"
	latest := "https://s3." + v.ids.region + ".amazonaws.com/amazon-ssm-" + v.ids.region + "/latest/"
	switch id := v.r.Host.OS.ID; {
	case v.ids.windows:
		cmd = ""
	case id == "ubuntu":
		cmd = "sudo snap install amazon-ssm-agent --classic"
	case id == "amzn" && v.r.Host.OS.Version == "2":
		cmd = "sudo yum install -y amazon-ssm-agent && sudo systemctl enable --now amazon-ssm-agent"
	case id == "debian":
		cmd = "curl -O " + latest + "debian_" + v.debArch() + "/amazon-ssm-agent.deb && sudo dpkg -i amazon-ssm-agent.deb"
	case slices.Contains([]string{"rhel", "sles", "rocky", "almalinux", "ol", "centos"}, id):
		cmd = "sudo rpm -U " + latest + "linux_" + v.debArch() + "/amazon-ssm-agent.rpm && sudo systemctl enable --now amazon-ssm-agent"
	}
	return []Fix{{"install it", cmd}}
}

func (v *view) debArch() string {
	if v.r.Host.OS.Arch == "aarch64" {
		return "arm64"
	}
	return "amd64"
}

func fixStartAgent(v *view) []Fix {
	if v.ids.windows {
		return []Fix{{"start it, and let it start at boot", "Set-Service AmazonSSMAgent -StartupType Automatic; Start-Service AmazonSSMAgent"}}
	}
	cmd := "sudo systemctl enable --now " + v.unit()
	if v.r.Agent.Unit.Load == "masked" || v.r.Agent.Unit.Enabled == "masked" {
		cmd = "sudo systemctl unmask " + v.unit() + " && " + cmd
	}
	return []Fix{{"start it, and let it start at boot", cmd},
		{"if it stops again, its log says why", "sudo tail -n 50 /var/log/amazon/ssm/errors.log"}}
}

func fixEnableAgent(v *view) []Fix {
	if v.ids.windows {
		return []Fix{{"let it start at boot", "Set-Service AmazonSSMAgent -StartupType Automatic"}}
	}
	return []Fix{{"let it start at boot", "sudo systemctl enable " + v.unit()}}
}

func fixCrashLoop(v *view) []Fix {
	return []Fix{{"see what it says before it ends", "sudo journalctl -u " + v.unit() + " -n 50 --no-pager; sudo tail -n 50 /var/log/amazon/ssm/errors.log"},
		{"if the files are damaged, install it anew", fixInstallAgent(v)[0].Command}}
}

func fixUpdateAgent(v *view) []Fix {
	return []Fix{{"update the SSM Agent", aws("aws ssm send-command --region "+v.ids.region+" --document-name AWS-UpdateSSMAgent", "--instance-ids "+v.ids.instance)},
		{"or create the ec2messages endpoint", v.createInterface("ec2messages")}}
}

func fixAgentConfig(v *view, path string) []Fix {
	path = paste(path, "/etc/amazon/ssm/amazon-ssm-agent.json")
	return []Fix{{"mend the file; it must be one JSON object with the keys of its template", "sudo python3 -m json.tool " + path + "\nsudo diff " + path + " " + path + ".template"},
		{"or take it away: the SSM Agent then uses its defaults", "sudo mv " + path + " " + path + ".broken"}, v.thenRestart()}
}

func fixAgentIdentity(v *view) []Fix {
	return []Fix{{"remove what the image brought along, and let the SSM Agent register anew",
		"sudo systemctl stop " + v.unit() + "\nsudo rm -rf /var/lib/amazon/ssm/Vault /var/lib/amazon/ssm/runtimeconfig /var/lib/amazon/ssm/i-* /var/lib/amazon/ssm/mi-*\nsudo systemctl start " + v.unit()},
		{"and do the same before the next image is made of a machine", ""}}
}

func fixStray(v *view, path string) []Fix {
	return []Fix{{"move it away if no program of root needs it; the SSM Agent then uses the instance's role", "sudo mv " + paste(path, "/root/.aws/credentials") + " " + paste(path, "/root/.aws/credentials") + ".off"}, v.thenRestart()}
}

func fixAccess(v *view, layers []string) []Fix {
	role := paste(v.r.Metadata.RoleName, "<role>")
	part := paste(v.r.Region.Partition, "aws")
	out := []Fix{{"give the role what the SSM Agent needs",
		aws("aws iam attach-role-policy --role-name "+role, "--policy-arn arn:"+part+":iam::aws:policy/AmazonSSMManagedInstanceCore")}}
	if slices.ContainsFunc(layers, func(l string) bool {
		return l != layerWords["identity_policy"] && l != layerWords[""]
	}) {
		out = []Fix{{fmt.Sprintf("ask whoever runs the account's policies (cloud governance): \"please allow ssm:*, ssmmessages:* for the role %s of %s; what denies it is %s\"", role, v.ids.instance, list(layers)), ""}}
	} else {
		out = append(out, Fix{"if it has that policy, an explicit deny in a service control policy or a boundary stands above it", ""})
	}
	return append(out, v.thenRestart())
}

func fixEndpointPolicy(v *view, services, actions []string) []Fix {
	var out []Fix
	for _, s := range services {
		out = append(out, Fix{"see the policy of the " + s + " endpoint", aws("aws ec2 describe-vpc-endpoints --region "+v.ids.region,
			"--filters Name=vpc-id,Values="+v.ids.vpc+" Name=service-name,Values="+v.ids.service(s), "--query 'VpcEndpoints[].[VpcEndpointId,PolicyDocument]'")})
	}
	return append(out, Fix{"allow the calls in it; the default policy, which allows everything, will do: " + list(actions), aws("aws ec2 modify-vpc-endpoint --region "+v.ids.region+" --vpc-endpoint-id <vpce-id>", "--reset-policy")}, v.thenRestart())
}

func fixWebSocket(v *view) []Fix {
	host := "ssmmessages." + v.ids.region + ".amazonaws.com"
	if r := v.result("ssmmessages"); r != nil {
		host = hostOf(r)
	}
	return []Fix{{"ask whoever runs the proxy or firewall on the way (network or security team): \"please let WebSocket connections (wss) from " + v.ids.instance + " to " + host + " through, without inspection, and keep idle ones open for at least 10 minutes\"", ""}, v.thenRestart()}
}
