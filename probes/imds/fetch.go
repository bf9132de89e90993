package imds

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"agentctl/probes"
)

const (
	metaData     = "/latest/meta-data/"
	documentPath = "/latest/dynamic/instance-identity/document"
	rolesPath    = metaData + "iam/security-credentials/"
	macsPath     = metaData + "network/interfaces/macs/"
	// maxMACs bounds the interfaces that are asked about; EC2's largest
	// instances have 15 on one card, and their VPC CIDRs rarely differ.
	maxMACs = 8
)

// fetch asks for everything, each as soon as what it depends on is there.
func (a *asker) fetch(ctx context.Context, token string) {
	var all sync.WaitGroup
	get := func(path string, take func(body []byte) bool) {
		all.Go(func() { a.get(ctx, token, path, take) })
	}
	all.Go(func() {
		if !a.get(ctx, token, documentPath, a.takeDocument) {
			// Without the document its facts are asked for one by one.
			for path, take := range a.single() {
				get(metaData+path, take)
			}
		}
	})
	get(metaData+"placement/availability-zone-id", a.word(&a.m.AZID, isZoneID))
	get(metaData+"services/partition", a.word(&a.m.Partition, isPartition))
	all.Go(func() { a.role(ctx, token) })
	get(metaData+"mac", func(body []byte) bool {
		mac := oneWord(body, isMAC)
		if mac == "" {
			return false
		}
		a.m.MAC = mac
		at := macsPath + mac + "/"
		get(at+"vpc-id", a.word(&a.m.VPCID, hasPrefix("vpc-")))
		get(at+"subnet-id", a.word(&a.m.SubnetID, hasPrefix("subnet-")))
		get(at+"subnet-ipv4-cidr-block", a.word(&a.m.SubnetCIDR, isPrefix))
		get(at+"security-group-ids", a.words(&a.m.SecurityGroupIDs, hasPrefix("sg-")))
		get(at+"local-ipv4s", a.words(&a.m.PrivateIPs, isAddr))
		get(at+"public-ipv4s", func(body []byte) bool {
			if ips := wordList(body, isAddr); len(ips) > 0 {
				a.m.PublicIP = ips[0]
			}
			return a.m.PublicIP != ""
		})
		a.cidrs(get, mac)
		return true
	})
	get(macsPath, func(body []byte) bool {
		macs := wordList(body, isMAC)
		for _, mac := range macs[:min(len(macs), maxMACs)] {
			a.cidrs(get, mac)
		}
		return len(macs) > 0
	})
	all.Wait()
}

// cidrs asks for the address ranges of the VPC that an interface lies in, once
// for each interface. The caller holds the lock.
func (a *asker) cidrs(get func(string, func([]byte) bool), mac string) {
	if a.asked[mac] {
		return
	}
	a.asked[mac] = true
	for _, name := range []string{"vpc-ipv4-cidr-blocks", "vpc-ipv6-cidr-blocks"} {
		get(macsPath+mac+"/"+name, a.words(&a.m.VPCCIDRs, isPrefix))
	}
}

// single has the facts of the identity document, by the names that each has alone.
func (a *asker) single() map[string]func([]byte) bool {
	return map[string]func([]byte) bool{
		"instance-id":                 a.word(&a.m.InstanceID, isInstanceID),
		"instance-type":               a.word(&a.m.InstanceType, isType),
		"ami-id":                      a.word(&a.m.ImageID, hasPrefix("ami-")),
		"placement/region":            a.word(&a.m.Region, isRegion),
		"placement/availability-zone": a.word(&a.m.AZ, isZone),
		"local-ipv4": func(body []byte) bool {
			ip := oneWord(body, isAddr)
			if ip != "" {
				a.m.PrivateIPs = addNew(a.m.PrivateIPs, ip)
			}
			return ip != ""
		},
	}
}

// get makes one request for data, twice if need be, and hands a good answer to
// take, which tells whether it was what it should be. It returns that.
func (a *asker) get(ctx context.Context, token, path string, take func(body []byte) bool) bool {
	r := a.ask(ctx, token, path)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !r.complete():
		if r.reason != probes.Canceled {
			a.silent = r.reason
		}
		return false
	case r.status == http.StatusForbidden || r.status == http.StatusUnauthorized:
		a.denied++
		if a.m.Denied == "" {
			a.m.Denied = path
		}
		return false
	}
	a.answered++
	if r.status != http.StatusOK || !take(r.body) {
		return false
	}
	a.valid++
	return true
}

// ask makes one request for data, twice if need be.
func (a *asker) ask(ctx context.Context, token, path string) answer {
	return last(hedge(ctx, &a.group, a.pace.dataNext, a.pace.retry, func(ctx context.Context) answer {
		return a.request(ctx, http.MethodGet, path, token, a.pace.data)
	}, func(r answer) bool { return r.complete() && !r.temporary() }))
}

// role asks which role the instance profile has, and how it stands.
func (a *asker) role(ctx context.Context, token string) {
	var name string
	none := false
	r := a.ask(ctx, token, rolesPath)
	a.mu.Lock()
	switch {
	case !r.complete():
	case r.status == http.StatusNotFound:
		none = true // counts only beside valid answers: see judge
		a.answered++
	case r.status == http.StatusForbidden || r.status == http.StatusUnauthorized:
		a.denied++
		if a.m.Denied == "" {
			a.m.Denied = rolesPath
		}
	default:
		a.answered++
		if r.status == http.StatusOK {
			name = oneWord([]byte(firstLine(r.body)), isRoleName)
			none = strings.TrimSpace(string(r.body)) == ""
		}
	}
	if none {
		a.m.Role = probes.RoleNone
	}
	a.m.RoleName = name
	a.mu.Unlock()
	if name == "" {
		return
	}
	a.get(ctx, token, rolesPath+name, func(body []byte) bool {
		c, ok := parseCredentials(body)
		clear(body) // it held the keys
		if !ok {
			return false
		}
		a.m.RoleCode, a.m.RoleMessage, a.m.RoleExpires = c.Code, c.Message, c.Expires
		a.m.Role = c.state()
		return true
	})
}
