export { age, secondsBetween, span } from './age';
export { between } from './days';
export {
  ahead,
  aheadIn,
  aheadWithin,
  day,
  dayBefore,
  exact,
  isoDay,
  moment,
  momentIn,
  momentWithin,
  ownZone,
  timeOfDay,
  withMoments,
} from './moment';
export { bytes, count, exactBytes, percent, rate, shortId, shortKey } from './bytes';
export { NBSP, THIN } from './spaces';
export { clause, sentence } from './sentence';
export { shown, told } from './shown';
export { sizeOf, sizeText, spanOf, spanText } from './written';
