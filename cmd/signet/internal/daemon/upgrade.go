package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// upgrade leaves HTTP behind: the connection is the handler's, which closes it.
func upgrade(w http.ResponseWriter, r *http.Request, protocol string) (net.Conn, error) {
	if r.Header.Get("Upgrade") != protocol {
		http.Error(w, "upgrade to "+protocol, http.StatusUpgradeRequired)
		return nil, errors.New("no upgrade was asked for")
	}
	conn, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Time{})
	if early.Reader.Buffered() > 0 {
		err = errors.New("the client did not wait for the upgrade")
	}
	if err == nil {
		_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// requestUpgrade is upgrade's other end.
func requestUpgrade(conn net.Conn, path, protocol string) (*bufio.Reader, error) {
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: signet\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n", path, protocol); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		resp.Body.Close()
		return nil, fmt.Errorf("it answered %s: %s", resp.Status, why)
	}
	return r, nil
}
