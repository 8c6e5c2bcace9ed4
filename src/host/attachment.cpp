// SPDX-License-Identifier: MIT
#include "host/attachment.hpp"

#include <algorithm>

namespace anabranch::host {
namespace {

/// A DHCP client asks at 0 and, give or take one, 4 seconds: both have gone unanswered then.
constexpr seconds kPatience{6};
/// As long for the physical interface's address, and for a slow server.
constexpr seconds kAttempt{10};
/// After an attempt that was not answered either: the index is not offered at all, or the server is
/// away.
constexpr seconds kFirstPause{180};
constexpr unsigned kLongestDoubling = 4;  ///< 48 minutes

seconds pause_after(unsigned attempts) {
  return kFirstPause * (1u << std::min(attempts - 1, kLongestDoubling));
}

}  // namespace

/// Whether there is anything to learn.
bool AttachmentChoice::open() const {
  return wish_ == Wish::kAuto && !wireless_ && !refused_ && !learned_on_;
}

void AttachmentChoice::network(const std::optional<IpPrefix>& network) {
  if (!network || network == network_) return;
  network_ = network;
  asking_.clear();
  if (learned_on_ && *learned_on_ != *network) learned_on_.reset();
}

void AttachmentChoice::forget() {
  refused_ = false;
  network_.reset();
  learned_on_.reset();
  asking_.clear();
}

bool AttachmentChoice::look(std::span<const Seen> paths, MonotonicTime now) {
  if (!open() || !network_) {
    asking_.clear();
    return false;
  }
  std::erase_if(asking_, [&](const auto& entry) {
    return std::ranges::find(paths, entry.first, &Seen::index) == paths.end();
  });
  bool moved = false;
  for (const auto& path : paths) {
    if (look_at(path, now)) moved = true;
    if (!open()) {
      asking_.clear();
      return true;
    }
  }
  return moved;
}

bool AttachmentChoice::look_at(const Seen& path, MonotonicTime now) {
  const auto found = asking_.find(path.index);
  if (path.leased) {
    if (path.on == Attachment::kShared && found != asking_.end() && found->second.on_parent)
      learned_on_ = network_;
    else if (found != asking_.end())
      asking_.erase(found);
    return false;
  }
  if (!path.unanswered) {
    // No link, or an answer that is being worked on: the wait begins anew after it.
    if (found != asking_.end()) found->second.since = now;
    return false;
  }
  if (found == asking_.end()) {
    asking_[path.index] = {now};
    return false;
  }
  auto& asking = found->second;
  if (asking.on_parent) {
    if (now < asking.since + kAttempt) return false;
    asking.on_parent = false;
    asking.not_before = now + pause_after(asking.attempts);
  } else {
    if (now < asking.since + kPatience || now < asking.not_before) return false;
    asking.on_parent = true;
    ++asking.attempts;
  }
  asking.since = now;
  return true;
}

MonotonicTime AttachmentChoice::next_timer() const {
  auto next = MonotonicTime::max();
  for (const auto& [index, asking] : asking_)
    next = std::min(next, asking.on_parent ? asking.since + kAttempt
                                           : std::max<MonotonicTime>(asking.since + kPatience,
                                                                     asking.not_before));
  return next;
}

Attachment AttachmentChoice::of_path(unsigned index) const {
  const auto found = asking_.find(index);
  return found != asking_.end() && found->second.on_parent ? Attachment::kShared : attachment();
}

Attachment AttachmentChoice::attachment() const {
  if (wish_ != Wish::kAuto)
    return wish_ == Wish::kShared ? Attachment::kShared : Attachment::kVirtual;
  return open() ? Attachment::kVirtual : Attachment::kShared;
}

AttachmentChoice::Reason AttachmentChoice::reason() const {
  if (wish_ != Wish::kAuto) return Reason::kConfigured;
  if (wireless_) return Reason::kWireless;
  if (refused_) return Reason::kRefused;
  return learned_on_ ? Reason::kLearned : Reason::kDefault;
}

std::string_view attachment_name(Attachment attachment) {
  return attachment == Attachment::kShared ? "shared" : "virtual";
}

std::string_view reason_name(AttachmentChoice::Reason reason) {
  switch (reason) {
    case AttachmentChoice::Reason::kDefault:
      return "default";
    case AttachmentChoice::Reason::kConfigured:
      return "configured";
    case AttachmentChoice::Reason::kWireless:
      return "wireless";
    case AttachmentChoice::Reason::kLearned:
      return "learned";
    case AttachmentChoice::Reason::kRefused:
      return "refused";
  }
  return "";
}

}  // namespace anabranch::host
