// SPDX-License-Identifier: MIT
// How the report writes numbers and foreign text, on the terminal and in HTML alike.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lab/topology.hpp"

namespace anabranch::lab {

/// Every digit that matters and no exponent: "0.95", "800", "-" when there is no number (NaN).
std::string plain_number(double value);
/// For people: whole numbers in full with thin groups ("12 345 678"), others to four figures.
std::string display_number(double value);

/// `text` safe between tags and inside quoted attributes; control characters become spaces.
std::string escape_html(std::string_view text);

/// Columns `text` takes on a terminal, one for each UTF-8 character.
std::size_t text_columns(std::string_view text);
/// `text` cut to `columns` with an ellipsis at the end when something was left out.
std::string shorten(std::string_view text, std::size_t columns);

/// "20 Mbit/s, 10 ms, 1 % loss"; "cable" for a link without a profile.
std::string link_text(const std::optional<LinkProfile>& profile);

}  // namespace anabranch::lab
