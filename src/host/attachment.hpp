// SPDX-License-Identifier: MIT
// Where the further paths of an interface live: each on a virtual interface (macvlan) with an
// Ethernet address of its own, or all as further addresses of the physical interface itself. The
// first keeps paths apart by everything a network can see. The second works where only one Ethernet
// address passes: a Wi-Fi station, a guarded switch port, many clouds.
//
// Unless told, we begin with virtual interfaces and learn: an index that nobody offers to its
// macvlan is asked for with the physical interface's own Ethernet address. When that is answered,
// the network answers one Ethernet address and not another, and all paths move over. What was
// learned holds for the network it was learned on; being wrong about it costs nothing, since shared
// addresses work everywhere. Pure: what is seen and the time go in.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::host {

enum class Attachment { kVirtual, kShared };

class AttachmentChoice {
 public:
  /// What the configuration says.
  enum class Wish { kAuto, kVirtual, kShared };
  enum class Reason {
    kDefault,     ///< virtual interfaces, as nothing speaks against them
    kConfigured,  ///< told so
    kWireless,    ///< a station has one Ethernet address only
    kLearned,     ///< virtual interfaces went unanswered, the physical one was answered
    kRefused,     ///< this kernel makes no macvlan here
  };
  /// One further path as it is now.
  struct Seen {
    unsigned index = 0;
    Attachment on = Attachment::kVirtual;
    bool leased = false;
    bool unanswered = false;  ///< asks on a link that works, and nobody offers
  };

  AttachmentChoice(Wish wish, bool wireless) : wish_(wish), wireless_(wireless) {}

  /// The network of the interface's own address; nothing when it has none.
  void network(const std::optional<IpPrefix>& network);
  /// What an earlier process learned.
  void remember(const IpPrefix& network) { learned_on_ = network; }
  /// No macvlan can be made on this interface.
  void refused() { refused_ = true; }
  /// Another interface under the same name: nothing is known of it.
  void forget();

  /// True when a path is to live elsewhere than before.
  bool look(std::span<const Seen> paths, MonotonicTime now);
  /// When look() has something to decide by itself.
  MonotonicTime next_timer() const;

  Attachment of_path(unsigned index) const;
  Attachment attachment() const;
  Reason reason() const;
  /// The network on which it was learned that only one Ethernet address passes.
  const std::optional<IpPrefix>& learned_on() const { return learned_on_; }

 private:
  struct Asking {
    MonotonicTime since;  ///< where it asks now
    MonotonicTime not_before = MonotonicTime::min();
    unsigned attempts = 0;
    bool on_parent = false;
  };
  bool open() const;
  bool look_at(const Seen& path, MonotonicTime now);

  Wish wish_;
  bool wireless_;
  bool refused_ = false;
  std::optional<IpPrefix> network_;
  std::optional<IpPrefix> learned_on_;
  std::map<unsigned, Asking> asking_;  ///< paths nobody has offered yet
};

std::string_view attachment_name(Attachment attachment);
/// "default", "configured", "wireless", "learned", "refused".
std::string_view reason_name(AttachmentChoice::Reason reason);

}  // namespace anabranch::host
