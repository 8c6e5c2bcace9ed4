// SPDX-License-Identifier: MIT
// Two DHCPv6 clients of one interface (paths 2 and 3), against servers, a kernel and a clock made
// of the input. Whatever they do:
//
//   a lease carries its own path's index, an address that a host can have, and timers in order;
//   no two paths have one address, nor the interface's own;
//   when what was due has been served the next timer lies ahead, so that the loop never spins;
//   what is sent can be read, and is little.
#include <array>
#include <optional>

#include "host/dhcp6_client.hpp"
#include "host/dhcp6_packet.hpp"
#include "input.hpp"

using namespace anabranch;
using namespace anabranch::host;
using fuzz::require;

namespace {

constexpr std::uint32_t kIaid = 0x100;
constexpr int kMostDue = 8;
/// Octets of a frame that asks.
constexpr std::size_t kLargestFrame = 600;

IpAddress in_network(std::uint8_t first, std::uint8_t last) {
  std::array<std::uint8_t, 16> octets{};
  octets[0] = first;
  octets[15] = last;
  return IpAddress::v6(octets);
}
const IpAddress kOwn = in_network(0xfd, 7);

class World {
 public:
  World() {
    for (const unsigned which : {0u, 1u}) {
      Dhcp6Client::Settings settings;
      settings.index = static_cast<std::uint8_t>(which + 2);
      settings.iaid = kIaid + which;
      settings.duid = {0, 4, 1};
      settings.random = [this] { return random_ += 77; };
      settings.acceptable = [this, which](const IpAddress& address) {
        return address != kOwn && clients_[1 - which]->claimed_address() != address;
      };
      clients_[which].emplace(std::move(settings));
    }
    for (const unsigned which : {0u, 1u}) note(which, clients_[which]->start(now_));
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.octet();
    const unsigned which = what >> 4 & 1;
    auto& client = *clients_[which];
    switch (what & 15) {
      case 0:
        return advance(milliseconds(input.number(2)));
      case 1:
        return advance(seconds(input.number(3)));
      case 2:  // straight to the next timer
        return advance(std::min<MonotonicClock::duration>(client.next_timer() - now_,
                                                          std::chrono::hours(24 * 365)));
      case 3:
        up_[which] = !up_[which];
        return note(which, client.link(up_[which], now_));
      case 4:
        return note(which, client.taken(now_));
      case 5:
        return note(which, client.release(now_));
      case 6:
        return note(which, client.slept(seconds(input.octet()), now_));
      case 7:
        return note(which, client.start(now_, Dhcp6Client::Onset::kTogether));
      case 8:
        if (client.lease()) note(which, client.adopt(Lease6(*client.lease()), now_));
        return;
      default:
        return note(which, client.receive(made_message(input, which), now_));
    }
  }

 private:
  /// A server's message about this exchange, right or wrong field by field.
  Dhcp6Message made_message(fuzz::Input& input, unsigned which) {
    const std::uint8_t shape = input.octet();
    Dhcp6Message out;
    out.type = sent_[which].type == Dhcp6Type::kSolicit ? Dhcp6Type::kAdvertise : Dhcp6Type::kReply;
    out.transaction = sent_[which].transaction ^ ((shape & 1) != 0 ? input.octet() : 0u);
    out.client = sent_[which].client;
    out.server = {0, 1, static_cast<std::uint8_t>((shape & 2) != 0 ? input.octet() : 1)};
    if ((shape & 4) != 0) out.preference = input.octet();
    if ((shape & 8) != 0) out.sol_max_rt = input.number(3);
    auto& said = (shape & 16) != 0 ? out.domains.emplace_back(Dhcp6Domain{5, {1}}).configuration
                                   : out.outside;
    if ((shape & 32) == 0)
      said.ext_route = wire::ExtRoute{static_cast<std::uint8_t>(which + 2), input.octet()};
    Dhcp6Association association{kIaid + which, time(input), time(input)};
    for (unsigned count = input.octet() & 3; count > 0; --count) {
      const auto first = input.octet();
      association.leases.push_back(
          {IpPrefix::host(in_network(first < 200 ? 0xfd : first, input.octet())), time(input),
           time(input)});
    }
    if ((shape & 64) != 0) association.status = Dhcp6Status{input.octet()};
    said.addresses = {std::move(association)};
    if ((shape & 128) != 0) out.outside.status = Dhcp6Status{input.octet()};
    return out;
  }
  static seconds time(fuzz::Input& input) {
    const auto octet = input.octet();
    return octet == 255 ? dhcp6::kInfinity : seconds(octet < 128 ? octet : (octet - 127) * 1000);
  }

  void advance(MonotonicClock::duration by) {
    now_ += std::max<MonotonicClock::duration>(by, {});
    for (const unsigned which : {0u, 1u}) {
      for (int due = 0; due < kMostDue && clients_[which]->next_timer() <= now_; ++due)
        note(which, clients_[which]->timer(now_));
      require(clients_[which]->next_timer() > now_, "a client's next timer lies ahead");
    }
  }

  void note(unsigned which, const Dhcp6Client::Step& step) {
    if (step.send) {
      require(up_[which], "nothing is sent without a wire");
      sent_[which] = *step.send;
      require(
          sent_[which].outside.ext_route == wire::ExtRoute{static_cast<std::uint8_t>(which + 2), 0},
          "the path asks for itself");
      const auto frame = frame_for(*step.send, {{2, 0, 0, 0, 0, 1}}, in_network(0xfe, 1));
      const auto octets = encode_frame(frame);
      require(octets && octets->size() <= kLargestFrame, "what is sent is little");
      const auto read = decode_dhcp6_frame(*octets);
      require(read && read->message.type == step.send->type &&
                  read->message.outside == step.send->outside,
              "what is sent can be read");
    }
    const auto& first = clients_[0]->lease();
    const auto& second = clients_[1]->lease();
    if (first) check(0, *first);
    if (second) check(1, *second);
    require(!first || !second || first->address != second->address,
            "no two paths have one address");
  }

  void check(unsigned which, const Lease6& lease) const {
    require(lease.route.index == which + 2, "a lease carries its path's index");
    const auto octets = lease.address.octets();
    require(octets[0] != 0xff && !(octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80),
            "a host can have the address");
    require(lease.address != kOwn, "no path has the interface's own address");
    require(lease.renews() <= lease.rebinds() || !lease.rebinding,
            "T1 comes before T2, if there is one");
    require(!lease.renewal || *lease.renewal >= seconds(1), "no server has us renew without pause");
  }

  std::uint32_t random_ = 1;
  MonotonicTime now_{std::chrono::hours(1)};
  std::array<std::optional<Dhcp6Client>, 2> clients_;
  std::array<Dhcp6Message, 2> sent_;
  std::array<bool, 2> up_{true, true};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::Input input({data, size});
  // Time stays below what nanoseconds can hold: a hundred years.
  for (int steps = 0; !input.empty() && steps < 90; ++steps) world.step(input);
  return 0;
}
