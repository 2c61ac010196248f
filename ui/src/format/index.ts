export { age, secondsBetween, span } from './age';
export {
  ahead,
  aheadIn,
  day,
  dayBefore,
  exact,
  isoDay,
  moment,
  momentIn,
  ownZone,
  timeOfDay,
  withMoments,
} from './moment';
export { bytes, count, exactBytes, percent, rate, shortId } from './bytes';
export { NBSP, THIN } from './spaces';
export { clause, sentence } from './sentence';
export { shown, told } from './shown';
export { sizeOf, sizeText, spanOf, spanText } from './written';
