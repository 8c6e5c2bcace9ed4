// SPDX-License-Identifier: MIT
// A CPE between a LAN host (192.0.2.7) and a converter that the test plays (198.18.9.9:5124), in a
// network namespace of its own. The host connects to 198.18.0.1:80.
#pragma once

#include <memory>
#include <string>

#include "proxy/cpe_plane.hpp"
#include "proxy_network.hpp"

namespace anabranch::proxy::test {

using kernel::Transport;

class Cpe : public ProxyNetwork {
 protected:
  void SetUp() override {
    ProxyNetwork::SetUp();
    if (IsSkipped()) return;
    auto converter = kernel::listen_on(
        kConverter, {.transport = Transport::kMptcp, .congestion = "cubic", .fast_open = true});
    ASSERT_TRUE(converter) << converter.error().text();
    converter_ = *std::move(converter);
  }

  /// The destination's own address stands for what tproxy does.
  void run(const std::string& more = {}, const std::string& tables = {}) {
    auto parsed =
        parse_cpe_settings("[cpe]\nlan = [\"lan0\"]\n" + more +
                               "[[converter]]\nname = \"one\"\naddress = \"198.18.9.9\"\n" + tables,
                           "t");
    ASSERT_TRUE(parsed) << parsed.error().text();
    settings_ = std::make_shared<const CpeSettings>(*parsed);
    pool_ = std::make_unique<ConverterPool>(settings_->converters, settings_->retry);
    hosts_ = std::make_unique<ClientTable>(settings_->limits.of_hosts());
    shared_ = std::make_unique<CpeShared>(
        CpeShared{.pool = *pool_, .mptcp_servers = servers_, .hosts = hosts_.get()});
    served_ = std::make_unique<Served<CpePlane>>(
        kServer, kernel::ListenerOptions{.congestion = "cubic", .transparent = true},
        [this](relay::Reactor& reactor, bool) {
          return std::make_unique<CpePlane>(reactor, settings_, *shared_, false);
        });
  }

  static UniqueFd dial() {
    auto fd = kernel::open_stream_socket(Family::kIpv4, Transport::kTcp);
    EXPECT_TRUE(fd && kernel::connect_from(fd->get(), IpAddress::parse("192.0.2.7").value()));
    EXPECT_EQ(kernel::begin_connect(fd->get(), kServer, {}).error, 0);
    return *std::move(fd);
  }

  /// The CPE's next connection to the converter.
  UniqueFd asked() {
    EXPECT_TRUE(readable(converter_.get()));
    auto accepted = kernel::accept_from(converter_.get());
    EXPECT_TRUE(accepted.fd);
    // What is written before the third ACK would never be sent.
    for (int i = 0; i < 1000 && kernel::stream_state(accepted.fd.get()).state == TCP_SYN_RECV; ++i)
      ::poll(nullptr, 0, 1);
    return std::move(accepted.fd);
  }

  CpeCounts counts() const { return served_->counts(); }

  UniqueFd converter_;
  std::shared_ptr<const CpeSettings> settings_;
  std::unique_ptr<ConverterPool> pool_;
  MptcpServers servers_;
  std::unique_ptr<ClientTable> hosts_;
  std::unique_ptr<CpeShared> shared_;
  std::unique_ptr<Served<CpePlane>> served_;
};

}  // namespace anabranch::proxy::test
