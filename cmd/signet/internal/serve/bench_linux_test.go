package serve

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkGet sets the rate of get beside that of a handler that does nothing with
// the same requests, over HTTP keep-alive with four connections. The two take
// turns of 100 ms in one process, so only ratios mean anything on a shared
// machine: medians are reported, by the clock and by processor time, which
// others' load changes little. The client is Go's, which costs less than the
// signature; what clients of other languages see is nearer to 1.
func BenchmarkGet(b *testing.B) {
	s := start(b, Config{})
	d := s.device(`{}`)
	s.register(d)
	empty := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.Cleanup(empty.Close)
	body := page(requestOptions)
	var wall, processor, rates []float64
	for b.Loop() {
		bare, bareCPU := rate(b, empty.URL, body)
		get, getCPU := rate(b, s.url+d+"/get", body)
		wall, processor, rates = append(wall, get/bare), append(processor, getCPU/bareCPU), append(rates, get)
	}
	for unit, values := range map[string][]float64{"ratio": wall, "cpu-ratio": processor, "get/s": rates} {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], unit)
	}
	b.ReportMetric(0, "ns/op")
}

// processorTime is what this process has used, client and server alike.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rate is how many requests four connections get answered: in a second, and in a
// second of processor time.
func rate(b *testing.B, url, body string) (wall, processor float64) {
	const connections, turn = 4, 100 * time.Millisecond
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var done atomic.Int64
	var clients sync.WaitGroup
	began, used := time.Now(), processorTime(b)
	for range connections {
		clients.Go(func() {
			for time.Since(began) < turn {
				r, err := http.NewRequest("POST", url, strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+testToken)
				r.Header.Set("Content-Type", "application/json")
				resp, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Errorf("%s: %v", resp.Status, err)
					return
				}
				done.Add(1)
			}
		})
	}
	clients.Wait()
	n := float64(done.Load())
	return n / time.Since(began).Seconds(), n / (processorTime(b) - used).Seconds()
}
