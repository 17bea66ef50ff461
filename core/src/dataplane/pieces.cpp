#include "dataplane/pieces.hpp"

namespace causeway::dataplane {

std::optional<ByteView> Pieces::add(std::uint32_t local_index, std::uint64_t counter, bool is_second,
                                    ByteView half, SteadyTime now, std::size_t* lost) {
  const std::uint64_t first_counter = counter - (is_second ? 1 : 0);
  Half* place = &halves_[0];
  for (Half& other : halves_) {
    if (other.is_used && now - other.since >= kPatience) {
      other.is_used = false;
      ++*lost;
    }
    const bool is_counterpart = other.is_used && other.local_index == local_index &&
                                other.first_counter == first_counter && other.is_second != is_second;
    if (is_counterpart) {
      const ByteView first = is_second ? ByteView{other.bytes} : half;
      const ByteView second = is_second ? half : ByteView{other.bytes};
      whole_.assign(first.begin(), first.end());
      whole_.insert(whole_.end(), second.begin(), second.end());
      other.is_used = false;
      return whole_;
    }
    if (place->is_used && (!other.is_used || other.since < place->since)) place = &other;
  }
  if (place->is_used) ++*lost;
  place->is_used = true;
  place->is_second = is_second;
  place->local_index = local_index;
  place->first_counter = first_counter;
  place->since = now;
  place->bytes.assign(half.begin(), half.end());
  return std::nullopt;
}

}  // namespace causeway::dataplane
