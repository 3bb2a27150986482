package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

func newInfo(c *config) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show what the device says of itself",
		Long: `Info asks the running device through its stream door what it is and can do
(authenticatorGetInfo, CTAP 2.3 §6.4), as every client does first.`,
		Example: `  signet info
  signet info --json
  signet info --socket /run/user/1000/signet/ctap.sock`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			socket, status, err := runningDoor(cmd.Context(), c)
			if err != nil {
				return err
			}
			info, err := getInfo(cmd.Context(), socket)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), newInfoJSON(info, status))
			}
			return writeInfo(cmd.OutOrStdout(), info, status)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// runningDoor finds the stream door of the running daemon, and what the daemon
// tells of itself: nothing where only a door is named.
func runningDoor(ctx context.Context, c *config) (socket string, status *daemon.Status, err error) {
	stream, control, err := c.sockets()
	if err != nil {
		return "", nil, err
	}
	s, err := daemon.ReadStatus(ctx, control)
	switch {
	case errors.Is(err, daemon.ErrNotRunning) && c.Socket != "":
		return stream, new(daemon.Status), nil // a door is named: that of some other store
	case err != nil:
		return "", nil, fmt.Errorf("%s: %w", c.Store, err)
	}
	for _, d := range s.Doors {
		if d.Name == doorStream && c.Socket == "" {
			stream = d.Address
		}
	}
	return stream, s, nil
}

func getInfo(ctx context.Context, socket string) (*ctap.GetInfoResponse, error) {
	channel, err := dialStream(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	return client.New(channel).GetInfo(ctx)
}

// writeInfo prints what getInfo says, with a word on what it means.
func writeInfo(w io.Writer, info *ctap.GetInfoResponse, status *daemon.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	list := func(name string, values []string) {
		if len(values) > 0 {
			row(name, "%s", strings.Join(values, " "))
		}
	}
	number := func(name string, n uint64, unit string) {
		if n > 0 {
			row(name, "%s", strings.TrimSpace(fmt.Sprint(n, " ", unit)))
		}
	}
	list("versions", info.Versions)
	row("AAGUID", "%s", formatAAGUID(info.AAGUID))
	number("firmware", info.FirmwareVersion, "")
	list("transports", info.Transports)
	list("extensions", info.Extensions)
	list("algorithms", algorithmNames(info.Algorithms))
	list("in the chip", status.InChip)
	list("attestation", info.AttestationFormats)
	list("options", optionList(info.Options))
	row("PIN", "%s", clientPINText(info))
	number("message size", info.MaxMsgSize, "bytes")
	number("credential list", info.MaxCredentialCountInList, "at once")
	number("credential ID", info.MaxCredentialIDLength, "bytes")
	number("large blobs", info.MaxSerializedLargeBlobArray, "bytes")
	number("credBlob", info.MaxCredBlobLength, "bytes")
	if n := info.RemainingDiscoverableCredentials; n != nil {
		row("room for", "%d more discoverable passkeys", *n)
	}
	if status.Approve != "" {
		row("consent", "%s", approveText(status.Approve))
	}
	return errors.Join(t.Flush(), writePolicy(w, status.Policy))
}

func algorithmNames(params []ctap.PubKeyParam) (names []string) {
	for _, p := range params {
		names = append(names, p.Alg.String())
	}
	return names
}

// optionList gives the options in order, the ones that are off with a "no-".
func optionList(options map[string]bool) (list []string) {
	for name, on := range options {
		if !on {
			name = "no-" + name
		}
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "no-"), strings.TrimPrefix(b, "no-"))
	})
	return list
}

func clientPINText(info *ctap.GetInfoResponse) string {
	set, has := info.Options["clientPin"]
	text := "not through clients"
	switch {
	case set:
		text = "set"
	case has:
		text = "not set"
	}
	if info.MinPINLength > 0 {
		text += fmt.Sprintf(", at least %d characters", info.MinPINLength)
	}
	if info.ForcePINChange {
		text += ", must be changed"
	}
	return text
}
