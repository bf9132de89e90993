//go:build linux

package lab

import (
	"slices"
	"strings"
	"sync"
)

// serverFaults are the faults of one layer of the servers in one namespace.
type serverFaults struct {
	mu   sync.Mutex
	list []*countedFault
}

// countedFault is a fault that may happen only so many times to each service.
type countedFault struct {
	ServerFault
	used map[string]int
}

func (s *serverFaults) add(f ServerFault, w *world) {
	names := make([]string, 0, len(f.Names))
	for _, name := range f.Names {
		names = append(names, w.hostName(name))
	}
	f.Names = names
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, &countedFault{f, map[string]int{}})
}

func (s *serverFaults) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		clear(f.used)
	}
}

// hit is the first fault that fits, and counts it. The zero value is a server as it should be.
func (s *serverFaults) hit(service, address string, fits func(ServerFault) bool) ServerFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		if !slices.Contains(f.Services, "*") && !slices.Contains(f.Services, service) {
			continue
		}
		if len(f.Addresses) > 0 && !slices.Contains(f.Addresses, address) {
			continue
		}
		if !fits(f.ServerFault) || f.Times > 0 && f.used[service] >= f.Times {
			continue
		}
		f.used[service]++
		return f.ServerFault
	}
	return ServerFault{}
}

// early is the fault that shows before a server name is known.
func (s *serverFaults) early(service, address string) ServerFault {
	return s.hit(service, address, func(f ServerFault) bool { return slices.Contains(earlyModes, f.Mode) })
}

// handshake is the fault of a handshake with this server name.
func (s *serverFaults) handshake(service, address, serverName string) ServerFault {
	return s.hit(service, address, func(f ServerFault) bool {
		return !slices.Contains(earlyModes, f.Mode) && (len(f.Names) == 0 || slices.Contains(f.Names, strings.ToLower(serverName)))
	})
}

// request is the fault of a request for this host and path.
func (s *serverFaults) request(service, address, url string) ServerFault {
	return s.hit(service, address, func(f ServerFault) bool {
		return len(f.URLs) == 0 || slices.ContainsFunc(f.URLs, func(part string) bool { return strings.Contains(url, part) })
	})
}
