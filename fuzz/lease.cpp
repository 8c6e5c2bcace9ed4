// SPDX-License-Identifier: MIT
// Two clients of one interface (paths 2 and 3) and its discovery, against servers, stations and a
// clock made of the input. Whatever they do:
//
//   a lease carries its own path's index, an address that a host can have, timers in order, and few
//   converters;
//   no two paths have one address, nor the interface's own;
//   when what was due has been served (a check of an address may be several steps late after a long
//   wait) the next timer lies ahead, so that the loop never spins;
//   what is sent fits one frame.
#include <array>
#include <optional>

#include "base/address_scope.hpp"
#include "host/dhcp_client.hpp"
#include "host/dhcp_packet.hpp"
#include "host/discovery.hpp"
#include "input.hpp"
#include "wire/converter_addresses.hpp"

using namespace anabranch;
using namespace anabranch::host;
using fuzz::require;

namespace {

constexpr std::uint8_t kExtRoute = 224;
constexpr std::size_t kLargestFrame = 1514;
constexpr std::size_t kLongestMessage = 2048;
/// Probes and announcements of one address, and the timer behind them.
constexpr int kMostDue = 8;
const IpAddress kOwn = IpAddress::v4(0x0a010002);
const MacAddress kParent{{2, 0, 0, 0, 0, 1}};

class World {
 public:
  World() {
    for (const unsigned index : {2u, 3u}) {
      DhcpClient::Settings settings;
      settings.index = static_cast<std::uint8_t>(index);
      settings.mac = {{2, 0, 0, 0, 0, static_cast<std::uint8_t>(index)}};
      settings.client_id = {255, 0, 0, 0, settings.index, 0, 3, 0, 1};
      settings.ext_route_code = kExtRoute;
      settings.random = [this] { return random_++; };
      settings.acceptable = [this, index](const IpAddress& address) {
        return address != kOwn && clients_[index == 2 ? 1 : 0]->claimed_address() != address;
      };
      macs_[index - 2] = settings.mac;
      clients_[index - 2].emplace(std::move(settings));
    }
    Discovery::Settings settings;
    settings.mac = kParent;
    settings.client_id = {255, 0, 0, 0, 0, 0, 3, 0, 1};
    settings.ext_route_code = kExtRoute;
    settings.random = [this] { return random_++; };
    discovery_.emplace(std::move(settings));
    note(discovery_->interface(kOwn, true, now_));
    for (const unsigned which : {0u, 1u}) note(which, clients_[which]->start(now_));
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.octet();
    const unsigned which = what >> 4 & 1;
    switch (what & 7) {
      case 0:
        return advance(milliseconds(input.number(2)));
      case 1:
        return advance(seconds(input.number(3)));
      case 2:  // straight to the next timer
        return advance(std::min<MonotonicClock::duration>(clients_[which]->next_timer() - now_,
                                                          std::chrono::hours(24 * 365)));
      case 3:
        up_[which] = !up_[which];
        return note(which, clients_[which]->link(up_[which], now_));
      case 4:
        return note(discovery_->interface((what & 0x20) != 0 ? std::optional(kOwn) : std::nullopt,
                                          (what & 0x40) != 0, now_));
      case 5: {
        const auto message = made_message(input, kParent, discovery_xid_, 1);
        return note(discovery_->receive(message, now_));
      }
      default: {
        const auto index = static_cast<std::uint8_t>(which + 2);
        const auto message = made_message(input, macs_[which], xid_[which], index);
        return note(which, clients_[which]->receive(message, {{2, 0, 0, 0, 0, 0x67}}, now_));
      }
    }
  }

 private:
  /// A server's message about this exchange, right or wrong field by field, with further options.
  static DhcpMessage made_message(fuzz::Input& input, const MacAddress& mac, std::uint32_t xid,
                                  std::uint8_t index) {
    static constexpr std::array kTypes{DhcpType::kOffer, DhcpType::kAck, DhcpType::kNak,
                                       DhcpType::kDiscover};
    const std::uint8_t shape = input.octet();
    DhcpMessage out;
    out.type = kTypes[shape & 3];
    out.xid = (shape & 4) != 0 ? input.number(4) : xid;
    out.hardware = mac;
    out.assigned = (shape & 8) != 0 ? IpAddress::v4(input.number(4))
                                    : IpAddress::v4(0x0a020000u | input.octet());
    out.set_address(dhcp::kServerId, IpAddress::v4(0x0a010001));
    out.options[dhcp::kLeaseTime] = {0, 0, 2, 88};
    out.options[kExtRoute] = {index, 3};
    std::size_t total = 0;
    for (unsigned count = shape >> 4; count > 0 && total < kLongestMessage; --count) {
      const std::uint8_t code = input.octet();
      const auto value = input.take(input.octet());
      total += value.size();
      out.options[code] = {value.begin(), value.end()};
    }
    return out;
  }

  void advance(MonotonicClock::duration by) {
    now_ += std::max<MonotonicClock::duration>(by, {});
    for (const unsigned which : {0u, 1u}) {
      for (int due = 0; due < kMostDue && clients_[which]->next_timer() <= now_; ++due)
        note(which, clients_[which]->timer(now_));
      require(clients_[which]->next_timer() > now_, "a client's next timer lies ahead");
    }
    note(discovery_->timer(now_));
    require(discovery_->next_timer() > now_, "the discovery's next timer lies ahead");
  }

  void note(unsigned which, const DhcpClient::Step& step) {
    if (step.send) {
      require(up_[which], "nothing is sent without a wire");
      xid_[which] = step.send->message.xid;
      const auto* asked = step.send->message.option(kExtRoute);
      require(asked != nullptr && asked->front() == which + 2, "the path asks for itself");
      sendable(*step.send);
    }
    check();
  }
  void note(const Discovery::Step& step) {
    if (step.send) {
      discovery_xid_ = step.send->message.xid;
      sendable(*step.send);
    }
    check();
  }

  static void sendable(const OutgoingMessage& out) {
    const auto frame = frame_for(out);
    const auto octets = encode_frame(frame);
    require(octets.size() <= kLargestFrame, "what is sent fits one frame");
    require(decode_frame(octets) == frame, "what is sent can be read");
  }

  void check() const {
    for (const unsigned which : {0u, 1u}) {
      const auto& client = *clients_[which];
      const auto state = client.state();
      const bool holds = state == DhcpClient::State::kBound ||
                         state == DhcpClient::State::kRenewing ||
                         state == DhcpClient::State::kRebinding;
      require(client.lease().has_value() == holds, "a lease from BOUND to REBINDING, never else");
      if (holds) check(which, *client.lease());
    }
    const auto& first = clients_[0]->lease();
    const auto& second = clients_[1]->lease();
    require(!first || !second || first->address.address() != second->address.address(),
            "no two paths have one address");
    check(discovery_->converters());
  }

  static void check(const std::vector<Endpoint>& converters) {
    require(converters.size() <= wire::kMostConverters, "converters are few");
    for (const auto& one : converters)
      require(is_global(one.address) && one.port != 0, "a converter can be there");
  }

  static void check(unsigned which, const Lease& lease) {
    require(lease.route.index == which + 2, "a lease carries its path's index");
    const auto first = lease.address.address().to_v4() >> 24;
    require(first != 0 && first != 127 && first < 224, "a host can have the address");
    require(lease.address.address() != kOwn, "no path has the interface's own address");
    require(lease.renews() <= lease.rebinds() && lease.rebinds() <= lease.expires(),
            "T1 comes before T2, T2 before the end");
    require(!lease.renewal || *lease.renewal >= seconds(1), "no server has us renew without pause");
    require(lease.routes.size() <= kLongestMessage, "routes are bounded by the message");
    check(lease.converters);
  }

  std::uint32_t random_ = 1;
  MonotonicTime now_{std::chrono::hours(1)};
  std::array<std::optional<DhcpClient>, 2> clients_;
  std::array<MacAddress, 2> macs_;
  std::array<std::uint32_t, 2> xid_{};
  std::array<bool, 2> up_{true, true};
  std::optional<Discovery> discovery_;
  std::uint32_t discovery_xid_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::Input input({data, size});
  // Time stays below what nanoseconds can hold: a hundred years.
  for (int steps = 0; !input.empty() && steps < 90; ++steps) world.step(input);
  return 0;
}
